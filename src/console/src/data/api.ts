// Requests to the daemon. Every refusal becomes an ApiError with words for people. An access token that has expired is
// refreshed, or the operator is asked again, and the request is repeated: no page needs to know.

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryAfterS = 0,
  ) {
    super(message);
  }
}

export interface Login {
  token: string;
  name: string;
  /** Unix milliseconds; null: does not expire. */
  expires: number | null;
}

const KEPT = 'bluemarble.login';
/** Before the end, so that no request meets it. */
const REFRESH_EARLY_MS = 60_000;

export class Api {
  login: Login | null = null;
  /** Asks the operator to log in again; resolves when that has happened. */
  onExpired: () => Promise<void> = () => Promise.reject(new ApiError(401, 'denied', 'not logged in'));
  /** After each new token. */
  onToken: (token: string) => void = () => {};

  private refreshToken: string | null = null;
  private refreshing: Promise<boolean> | null = null;
  private asking: Promise<void> | null = null;
  private timer = 0;

  /** A login of this tab that a reload interrupted. The admin secret and refresh tokens are in memory only: the first is worth
   * too much, and a second tab that was copied from this one would use up the others. */
  restore(): boolean {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? 'null') as Login | null;
      if (!kept || kept.expires === null || kept.expires < Date.now() + 5000) return false;
      this.login = kept;
      return true;
    } catch {
      return false;
    }
  }

  async logIn(name: string, password: string): Promise<void> {
    const answer = await this.send('POST', '/v1/login', {name, password}, null);
    if (answer.role !== 'operator') {
      throw new ApiError(403, 'denied', `${answer.name} is a player's account. An operator gives the role: zonectl role ${answer.name} operator`);
    }
    this.take(answer);
  }

  async logInBySecret(secret: string): Promise<void> {
    const session = await this.send('GET', '/v1/console/session', undefined, secret);
    this.refreshToken = null;
    this.set({token: secret, name: String(session.name || 'operator'), expires: null});
  }

  async logOut(): Promise<void> {
    const refresh = this.refreshToken;
    this.forget();
    if (refresh) await this.send('POST', '/v1/logout', {refresh_token: refresh}, null).catch(() => {});
  }

  forget(): void {
    this.login = null;
    this.refreshToken = null;
    clearTimeout(this.timer);
    sessionStorage.removeItem(KEPT);
  }

  get<T = Record<string, unknown>>(path: string, query: Record<string, string | number | boolean | undefined> = {}): Promise<T> {
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(query)) {
      if (value !== undefined && value !== '') search.set(key, String(value));
    }
    const text = search.toString();
    return this.request<T>('GET', text ? `${path}?${text}` : path);
  }

  post<T = Record<string, unknown>>(path: string, body: Record<string, unknown>): Promise<T> {
    return this.request<T>('POST', path, body);
  }

  /** A new token when there can be one, else the operator is asked. Resolves when there is a login. */
  async renew(): Promise<void> {
    if (await this.refresh()) return;
    this.forget();
    this.asking ??= this.onExpired().finally(() => {
      this.asking = null;
    });
    await this.asking;
  }

  private async request<T>(method: string, path: string, body?: unknown): Promise<T> {
    if (this.asking) await this.asking;
    try {
      return (await this.send(method, path, body, this.login?.token ?? null)) as T;
    } catch (problem) {
      if (!(problem instanceof ApiError) || problem.status !== 401) throw problem;
    }
    await this.renew();
    return (await this.send(method, path, body, this.login?.token ?? null)) as T;
  }

  private async refresh(): Promise<boolean> {
    if (!this.refreshToken) return false;
    this.refreshing ??= this.send('POST', '/v1/refresh', {refresh_token: this.refreshToken}, null)
      .then(
        (answer) => {
          this.take(answer);
          return true;
        },
        (problem: unknown) => {
          // What the server refused is used up; what did not reach it may be tried again.
          if (problem instanceof ApiError && problem.status !== 0 && problem.status < 500) this.refreshToken = null;
          return false;
        },
      )
      .finally(() => {
        this.refreshing = null;
      });
    return this.refreshing;
  }

  private take(answer: Record<string, unknown>): void {
    this.refreshToken = String(answer.refresh_token ?? '') || null;
    this.set({
      token: String(answer.access_token),
      name: String(answer.name),
      expires: Date.now() + Number(answer.expires_in) * 1000,
    });
  }

  private set(login: Login): void {
    this.login = login;
    clearTimeout(this.timer);
    if (login.expires === null) {
      sessionStorage.removeItem(KEPT);
    } else {
      sessionStorage.setItem(KEPT, JSON.stringify(login));
      const left = login.expires - Date.now();
      this.timer = window.setTimeout(() => void this.refresh(), Math.max(1000, Math.max(left / 2, left - REFRESH_EARLY_MS)));
    }
    this.onToken(login.token);
  }

  private async send(method: string, path: string, body: unknown, token: string | null): Promise<Record<string, unknown>> {
    const headers: Record<string, string> = {};
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    let response: Response;
    try {
      response = await fetch(path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        credentials: 'omit',
        cache: 'no-store',
        signal: AbortSignal.timeout(15_000),
      });
    } catch {
      throw new ApiError(0, 'unreachable', 'The zone does not answer. Is it running?');
    }
    const text = await response.text();
    let json: Record<string, unknown> = {};
    try {
      json = JSON.parse(text) as Record<string, unknown>;
    } catch {
      if (response.ok) throw new ApiError(response.status, 'unreadable', `${path}: the answer is no JSON`);
    }
    if (response.ok) return json;
    throw refusal(response.status, json, text, Number(response.headers.get('Retry-After') ?? 0));
  }
}

/** What to tell of a refusal; the server's own words where it has some. */
export function refusal(status: number, json: Record<string, unknown>, text: string, retryAfterS: number): ApiError {
  const error = (json.error ?? {}) as {code?: string; message?: string; until?: string; reason?: string};
  let message = error.message || text.trim().slice(0, 200) || `The zone answered ${status}.`;
  if (error.code === 'banned') {
    message = `This account is banned${error.until ? ` until ${error.until}` : ''}${error.reason ? `: ${error.reason}` : ''}.`;
  } else if (status === 429 || (status === 503 && retryAfterS > 0)) {
    message += retryAfterS > 0 ? ` (again in ${retryAfterS} s)` : '';
  }
  return new ApiError(status, error.code ?? String(status), message.charAt(0).toUpperCase() + message.slice(1), retryAfterS);
}
