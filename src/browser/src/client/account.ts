/**
 * The HTTP requests before a connection: log in, stay logged in, ask to join (docs/openapi.yaml).
 * Tokens stay in memory; the password is not kept.
 */

/** Why a request did not do what was asked. `status` 0: no answer. */
export class RequestError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** What the server asked to wait; 0: nothing said. */
    readonly retryAfterMs: number,
  ) {
    super(message);
  }

  /** May the same request succeed later? */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export interface Ticket {
  readonly url: string;
  readonly token: string;
  /** The token says who it is: Login's token stays empty. */
  readonly sealed: boolean;
}

/** Of the catalogue. */
export interface ItemKind {
  readonly id: number;
  readonly name: string;
  /** For people. */
  readonly title: string;
  readonly max_stack: number;
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const REFRESH_AHEAD_MS = 20_000;
const TIMEOUT_MS = 10_000;

export class Account {
  private accessToken = "";
  private refreshToken = "";
  private expiresAt = Infinity;
  readonly url: string;

  constructor(
    url: string,
    private name: string,
    private readonly fetch: Fetch,
    private readonly now: () => number,
  ) {
    this.url = url.replace(/\/+$/, "");
  }

  /** For the next run, where only the player can read it. Changes with every refresh. */
  get resumeToken(): string {
    return this.refreshToken;
  }

  async logIn(password: string): Promise<void> {
    this.take(await this.post("/v1/login", { name: this.name, password }));
  }

  /** Logs in; makes the account when there is none. */
  async logInOrRegister(password: string): Promise<void> {
    try {
      await this.logIn(password);
    } catch (denied) {
      if (!(denied instanceof RequestError && denied.status === 401)) throw denied;
      try {
        this.take(await this.post("/v1/accounts", { name: this.name, password }));
      } catch (refused) {
        // A taken name says that the password was wrong, which the first answer has told better.
        throw refused instanceof RequestError && refused.status === 409 ? denied : refused;
      }
    }
  }

  /** An access token that somebody else has; it cannot be refreshed. */
  useAccessToken(token: string): void {
    this.accessToken = token;
  }

  async resume(refreshToken: string): Promise<void> {
    this.refreshToken = refreshToken;
    await this.refresh();
  }

  async logOut(): Promise<void> {
    if (this.refreshToken !== "") await this.post("/v1/logout", { refresh_token: this.refreshToken });
    this.accessToken = this.refreshToken = "";
  }

  /** Permission for one connection; refreshes by itself when it is time. */
  async join(): Promise<Ticket> {
    if (this.refreshToken !== "" && this.now() > this.expiresAt - REFRESH_AHEAD_MS) await this.refresh();
    try {
      return await this.joinNow();
    } catch (error) {
      // Denied in spite of the time left: the server's keys or clock say otherwise.
      if (!(error instanceof RequestError && error.status === 401 && this.refreshToken !== "")) throw error;
      await this.refresh();
      return this.joinNow();
    }
  }

  private async joinNow(): Promise<Ticket> {
    // A server in plain mode goes by the name, the others by the token.
    const body = { transport: "websocket", ...(this.name === "" ? {} : { name: this.name }) };
    const answer = await this.post("/v1/join", body, this.accessToken);
    const { path, token, security } = answer;
    if (typeof path !== "string" || typeof token !== "string" || answer["transport"] !== "websocket")
      throw new RequestError(200, "no_websocket", "this server does not let browsers play", 0);
    return { url: this.url.replace(/^http/, "ws") + path, token, sealed: security === "sealed" };
  }

  private async refresh(): Promise<void> {
    this.take(await this.post("/v1/refresh", { refresh_token: this.refreshToken }));
  }

  private take(answer: Record<string, unknown>): void {
    const { access_token, refresh_token, expires_in, name } = answer;
    if (typeof access_token !== "string" || typeof refresh_token !== "string" || typeof expires_in !== "number")
      throw new RequestError(200, "invalid", "not an answer of an account", 0);
    this.accessToken = access_token;
    this.refreshToken = refresh_token;
    this.expiresAt = this.now() + expires_in * 1000;
    if (typeof name === "string") this.name = name;
  }

  /** What items are. */
  async catalogue(): Promise<ItemKind[]> {
    const { items } = await this.request("GET", "/v1/items", {});
    if (!Array.isArray(items)) throw new RequestError(200, "invalid", "not a catalogue", 0);
    return items as ItemKind[];
  }

  private post(path: string, body: object, bearer = ""): Promise<Record<string, unknown>> {
    const headers: Record<string, string> = { "Content-Type": "application/json" };
    if (bearer !== "") headers["Authorization"] = `Bearer ${bearer}`;
    return this.request("POST", path, { headers, body: JSON.stringify(body) });
  }

  private async request(method: string, path: string, rest: RequestInit): Promise<Record<string, unknown>> {
    let response: Response;
    let text: string;
    try {
      response = await this.fetch(this.url + path, {
        ...rest, method, signal: AbortSignal.timeout(TIMEOUT_MS), credentials: "omit", cache: "no-store",
      });
      text = await response.text();
    } catch (error) {
      throw new RequestError(0, "unreachable", `${this.url} does not answer (${String(error)})`, 0);
    }
    const answer = parseObject(text);
    if (response.ok) return answer;
    const told = answer["error"] as { code?: unknown; message?: unknown } | undefined;
    throw new RequestError(
      response.status, String(told?.code ?? "http"), String(told?.message ?? `${path}: status ${response.status}`),
      1000 * Number(response.headers.get("Retry-After") ?? 0) || 0,
    );
  }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
