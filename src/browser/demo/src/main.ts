/** A page that walks around the world: what a client of bluemarble-client looks like. */
import { Client, RequestError, SessionError, type JoinOptions } from "../../src/client/index.ts";
import { Belongings } from "./belongings.ts";
import { Controls } from "./controls.ts";
import { WorldMap, type Neighbour } from "./map.ts";
import { Names } from "./names.ts";
import { coordinates, Globe, nearestPlace, wind } from "./places.ts";

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const dialog = element<HTMLDialogElement>("join");
const line = element<HTMLInputElement>("line");
const leave = element<HTMLButtonElement>("leave");
const mapCanvas = element<HTMLCanvasElement>("map");
// ?name=Ada&lat=48.1&lon=11.6&join enters by itself, where the server lets players say where they appear.
const asked = new URLSearchParams(location.search);

const MOST_LINES = 100;
const names = new Names();
let client: Client | null = null;

// ---- colours, which the style sheet has ----

let colors = new Map<string, string>();
const dark = window.matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => (colors = new Map()));
function color(name: string): string {
  let value = colors.get(name);
  if (value === undefined) {
    value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    colors.set(name, value);
  }
  return value;
}

const map = new WorldMap(mapCanvas, names, color);
const globe = new Globe(element("globe"));
const belongings = new Belongings(names, notice);

const controls = new Controls(mapCanvas, element("stick"), element("stick-knob"), {
  walk: (east, north) => {
    if (client === null) return;
    if (east === 0 && north === 0) client.move({ east, north });
    else client.move({ east, north, heading: Math.atan2(east, north) / (2 * Math.PI) });
  },
  zoom: (factor) => map.zoom(factor),
  chat: () => line.focus(),
  take: () => belongings.take(client),
});
element("zoom-in").addEventListener("click", () => map.zoom(0.7));
element("zoom-out").addEventListener("click", () => map.zoom(1 / 0.7));

// ---- joining ----

function show(state: string, text: string): void {
  const shown = element("state");
  shown.dataset["state"] = state;
  if (shown.textContent !== text) shown.textContent = text;
}

function notice(text: string): void {
  const item = document.createElement("li");
  item.className = "notice";
  item.textContent = text;
  append(item);
}

function append(item: HTMLLIElement): void {
  const lines = element("lines");
  lines.append(item);
  while (lines.childElementCount > MOST_LINES) lines.firstElementChild?.remove();
  lines.scrollTop = lines.scrollHeight;
}

function welcome(joined: Client): void {
  client = joined;
  Object.assign(globalThis, { bluemarble: joined }); // for the browser's own console
  const playing = (): void => {
    show("playing", "in the world");
    line.disabled = leave.hidden = false;
  };
  joined.on("playing", playing);
  joined.on("reconnecting", ({ reason, text }) => {
    show("reconnecting", "coming back…");
    line.disabled = true;
    notice(`The connection was lost (${text || reason}).`);
  });
  joined.on("ended", ({ reason, text }) => {
    show("ended", reason === "client_quit" ? "not connected" : "ended");
    line.disabled = leave.hidden = true;
    client = null;
    offerToJoin(reason === "client_quit" ? "" : text || reason.replaceAll("_", " "));
  });
  joined.on("chat", ({ name, text, entityId }) => {
    names.learn(entityId, name);
    const item = document.createElement("li");
    const speaker = document.createElement("b");
    speaker.textContent = name;
    item.append(speaker, ` ${text}`);
    append(item);
  });
  belongings.follow(joined);
  joined.on("chatRefused", ({ text, reason }) => notice(`Nobody heard that: ${text || reason}`));
  playing();
  mapCanvas.focus();
}

async function join(): Promise<void> {
  const error = element("join-error");
  const enter = element<HTMLButtonElement>("enter");
  const name = element<HTMLInputElement>("name").value.trim();
  const password = element<HTMLInputElement>("password").value;
  const options: JoinOptions = { name };
  if (password !== "") {
    options.password = password;
    options.register = element<HTMLInputElement>("register").checked;
  }
  if (asked.has("server")) options.url = asked.get("server")!;
  if (asked.has("lat") && asked.has("lon")) options.spawn = { lat: Number(asked.get("lat")), lon: Number(asked.get("lon")) };
  error.hidden = true;
  enter.disabled = true;
  show("connecting", "entering…");
  try {
    const joined = await Client.join(options);
    remember(name);
    dialog.close();
    welcome(joined);
  } catch (problem) {
    show("ended", "not connected");
    offerToJoin(explain(problem));
  } finally {
    enter.disabled = false;
  }
}

function explain(problem: unknown): string {
  if (problem instanceof RequestError && problem.status === 401 && element<HTMLInputElement>("password").value === "")
    return "This server wants a password.";
  if (problem instanceof RequestError || problem instanceof SessionError) return problem.message;
  throw problem;
}

function offerToJoin(problem: string): void {
  const error = element("join-error");
  error.textContent = problem;
  error.hidden = problem === "";
  if (!dialog.open) dialog.showModal();
}

// Storage may be forbidden; the page works without.
function remember(name: string): void {
  try {
    localStorage.setItem("bluemarble.name", name);
  } catch {
    return;
  }
}
function remembered(): string {
  try {
    return localStorage.getItem("bluemarble.name") ?? "";
  } catch {
    return "";
  }
}

element("join-form").addEventListener("submit", (event) => {
  event.preventDefault();
  void join();
});
// There is nothing behind it before somebody has joined.
dialog.addEventListener("cancel", (event) => event.preventDefault());
leave.addEventListener("click", () => client?.leave());
element("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = line.value.trim();
  if (text !== "") client?.say(text);
  line.value = "";
  mapCanvas.focus();
});
line.addEventListener("keydown", (event) => event.key === "Escape" && mapCanvas.focus());
line.addEventListener("focus", () => controls.stop());

// ---- what the panels tell, four times a second ----

let frames = 0;
let told = { at: performance.now(), frames: 0, down: 0, snapshots: 0 };

function rows(parent: HTMLElement, tag: string, cells: readonly (readonly [string, string])[], wrap: string): void {
  const wanted = cells.flatMap(([a, b]) => [a, b]);
  const shown = [...parent.querySelectorAll(`${tag}, dd`)].map((each) => each.textContent);
  if (shown.length === wanted.length && shown.every((text, i) => text === wanted[i])) return;
  parent.replaceChildren(...cells.flatMap(([a, b]) => {
    const [first, second] = [document.createElement(tag), document.createElement(wrap === "li" ? tag : "dd")];
    first.textContent = a;
    second.textContent = b;
    if (wrap !== "li") return [first, second];
    const item = document.createElement("li");
    item.append(first, second);
    return [item];
  }));
}

function countKinds(playing: Client): void {
  const counts = new Map<string, number>();
  for (const { kind } of playing.others()) counts.set(String(kind), (counts.get(String(kind)) ?? 0) + 1);
  for (const row of element("legend").children) {
    const count = counts.get((row as HTMLElement).dataset["kind"]!) ?? 0;
    (row as HTMLElement).hidden = count === 0;
    row.lastElementChild!.textContent = String(count);
  }
}

function tell(nearby: readonly Neighbour[]): void {
  const now = performance.now();
  const passed = (now - told.at) / 1000;
  if (passed < 0.25) return;
  const playing = client;
  const stats = playing?.stats;
  const own = playing?.own ?? null;
  if (stats && own) {
    const rate = (count: number, before: number): number => Math.max(0, count - before) / passed;
    rows(element("figures"), "dt", [
      ["round trip", `${Math.round(stats.roundTripMs)} ms`],
      ["commands ahead", `${stats.inputDepth} ticks`],
      ["received", `${(rate(stats.bytesDown, told.down) / 1000).toFixed(1)} kB/s`],
      ["snapshots", `${Math.round(rate(stats.snapshots, told.snapshots))} /s`],
      ["corrections", `${stats.corrections}`],
      ["frames", `${Math.round(rate(frames, told.frames))} /s`],
    ], "");
    countKinds(playing!);
    belongings.look(playing!, own);
    element("near").textContent = nearestPlace(own.place);
    element("coordinates").textContent = coordinates(own.place);
    rows(element("nearby"), "span", nearby.map(({ view, east, north, distance }) =>
      [names.of(view.id, view.kind), `${Math.round(distance)} m ${wind(east, north)}`] as const), "li");
  }
  globe.draw(own?.place ?? null, color);
  const metres = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((length) => length / map.scale >= 60) ?? 500;
  element("scale-bar").style.width = `${metres / map.scale}px`;
  element("scale-text").textContent = `${metres} m`;
  told = { at: now, frames, down: stats?.bytesDown ?? 0, snapshots: stats?.snapshots ?? 0 };
}

function frame(): void {
  ++frames;
  let nearby: Neighbour[] = [];
  if (client === null) map.clear();
  else nearby = map.draw(client);
  tell(nearby);
  requestAnimationFrame(frame);
}

element<HTMLInputElement>("name").value = asked.get("name") ?? remembered();
requestAnimationFrame(frame);
if (asked.has("join")) void join();
else offerToJoin("");
