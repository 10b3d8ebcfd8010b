/**
 * The player's actions from `act` to their answer: keys, what waits for an answer, and what is sent again, after an
 * "unknown" or over the next connection. Sends nothing itself. Times are milliseconds of any monotonic clock.
 */
import { formProblem, newActionKey, type Action, type Answer, type KeyedAction } from "./belongings.ts";

// What waits after an outage must not come back in one burst: the server ends who is over session.actions_per_s.
const AT_ONCE = 16;
const SPACING_MS = 250;
const UNKNOWN_MS = 1000;
const MOST_OPEN = 64;

interface Waiting {
  action: KeyedAction;
  /** When to send it again; Infinity: the server has it and will answer. */
  due: number;
  /** Sent before, maybe by an earlier page. */
  repeats: boolean;
  toldUnknown: boolean;
  readonly done: { resolve: (answer: Answer) => void; reject: (error: Error) => void }[];
}

/** An action that was not sent. */
export class ActionError extends Error {}

export class Actions {
  private readonly waiting = new Map<string, Waiting>();
  private burst = AT_ONCE;
  private notBefore = 0;

  constructor(private readonly answered: (answer: Answer) => void) {}

  /** Without an ok or refused so far, in the order of `take`. */
  get unanswered(): KeyedAction[] {
    return [...this.waiting.values()].map(({ action }) => action);
  }

  /**
   * Notes the action as sent now, with its key or a new one. A key that waits already is the same action once more.
   * `done` resolves when it is ok or refused, and rejects when there will be no answer. Throws ActionError.
   */
  take(action: Action): { action: KeyedAction; done: Promise<Answer> } {
    const problem = formProblem(action);
    if (problem !== "") throw new ActionError(problem);
    const keyed: KeyedAction = { ...action, key: action.key ?? newActionKey() };
    let waiting = this.waiting.get(keyed.key);
    if (waiting === undefined) {
      if (this.waiting.size >= MOST_OPEN) throw new ActionError(`${MOST_OPEN} actions are not answered`);
      waiting = { action: keyed, due: Infinity, repeats: action.key !== undefined, toldUnknown: false, done: [] };
      this.waiting.set(keyed.key, waiting);
    } else {
      // The caller's numbers are newer: a restart of the server changes those of entities.
      Object.assign(waiting, { action: keyed, due: Infinity, repeats: true, toldUnknown: false });
    }
    const { done } = waiting;
    return { action: keyed, done: new Promise<Answer>((resolve, reject) => done.push({ resolve, reject })) };
  }

  /**
   * In play over another connection. Not `resumed`: entities and offers may have other numbers now, so actions that name
   * one are asked without it. The server finds what was done by its key; what was not done is refused, rather than done to
   * somebody else.
   */
  reconnected(resumed: boolean, now: number): void {
    this.burst = AT_ONCE;
    this.notBefore = now;
    for (const waiting of this.waiting.values()) {
      waiting.due = now;
      waiting.repeats = true;
      if (!resumed) waiting.action = withoutNumbers(waiting.action);
    }
  }

  /** The next action to send again; null: none is due. */
  nextResend(now: number): KeyedAction | null {
    if (now < this.notBefore) return null;
    for (const waiting of this.waiting.values()) {
      if (waiting.due > now) continue;
      waiting.due = Infinity;
      if (this.burst > 0) --this.burst;
      else this.notBefore = now + SPACING_MS;
      return waiting.action;
    }
    return null;
  }

  /** An answer whose action does not wait (the second to a repetition) is dropped. */
  onAnswer(told: Answer, now: number): void {
    const waiting = this.waiting.get(told.key);
    if (waiting === undefined) return;
    // The server that cannot look a repetition up refuses it; the first one may be done all the same.
    const passing = told.outcome === "refused" && (told.reason === "unavailable" || told.reason === "busy");
    const answer: Answer = passing && waiting.repeats ? { ...told, outcome: "unknown" } : told;
    if (answer.outcome === "unknown") {
      waiting.due = now + UNKNOWN_MS;
      waiting.repeats = true;
      this.burst = 0;
      // Once an `act`: an outage is one piece of news, not one a second.
      if (!waiting.toldUnknown) this.answered(answer);
      waiting.toldUnknown = true;
      return;
    }
    this.waiting.delete(told.key);
    this.answered(answer);
    for (const { resolve } of waiting.done) resolve(answer);
  }

  /** No connection will come any more. What waits stays in `unanswered`. */
  end(error: Error): void {
    for (const waiting of this.waiting.values()) for (const { reject } of waiting.done.splice(0)) reject(error);
  }
}

function withoutNumbers(action: KeyedAction): KeyedAction {
  if ("entityId" in action) return { ...action, entityId: 0 };
  return action.kind === "accept" ? { ...action, tradeId: 0n } : action;
}
