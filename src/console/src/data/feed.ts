// The live WebSocket: samples and what the map shows. Connects again by itself, says what it wants anew, and gives newer
// tokens on.

import type {Hello, Sample} from './types';

export interface FeedHandler {
  hello(hello: Hello): void;
  sample(sample: Sample): void;
  /** A part of those that the server kept, the newest parts first. */
  past(samples: Sample[]): void;
  mode(mode: 'blocks' | 'cells' | 'none', entities: number): void;
  frame(bytes: ArrayBuffer): void;
  /** The connection's state changed. `text` says why it is not open. */
  state(state: FeedState, text: string): void;
  /** The token is no longer good. */
  expired(): void;
}

export type FeedState = 'connecting' | 'open' | 'waiting' | 'closed';
export type Bounds = [number, number, number, number];

const WAITS_MS = [500, 1000, 2000, 4000, 8000];
/** Of the server's 20 messages a second. */
const TELL_EVERY_MS = 150;

const REASONS: Record<number, string> = {
  4400: 'the zone did not understand this console',
  4401: 'the login has expired',
  4403: 'this account is not an operator’s',
  4408: 'the login came too late',
  4409: 'this page did not keep up',
  4429: 'as many consoles as the zone allows are watching already',
  1001: 'the zone stops',
};

export class Feed {
  private socket: WebSocket | null = null;
  private token = '';
  private failures = 0;
  private timer = 0;
  private telling = 0;
  private view: {view: Bounds | null; zoom: number} = {view: null, zoom: 0};
  private focus: Bounds | null = null;
  private told = {view: '', focus: ''};
  received = 0;

  constructor(private readonly handler: FeedHandler) {}

  open(token: string): void {
    this.token = token;
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify({token}));
      return;
    }
    this.failures = 0;
    this.connect();
  }

  close(): void {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.handler.state('closed', '');
  }

  /** What the map shows; degrees. Null: nothing. Told at most a few times a second. */
  look(view: Bounds | null, zoom: number, focus: Bounds | null): void {
    this.view = {view, zoom};
    this.focus = focus;
    this.tellSoon();
  }

  private tellSoon(): void {
    if (this.telling) return;
    this.tell();
    this.telling = window.setTimeout(() => {
      this.telling = 0;
      this.tell();
    }, TELL_EVERY_MS);
  }

  private tell(): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const view = JSON.stringify(this.view.view === null ? {view: null} : this.view);
    const focus = JSON.stringify({focus: this.focus});
    if (view !== this.told.view) {
      this.told.view = view;
      this.socket.send(view);
    }
    if (focus !== this.told.focus) {
      this.told.focus = focus;
      this.socket.send(focus);
    }
  }

  private connect(): void {
    clearTimeout(this.timer);
    const old = this.socket;
    this.socket = null;
    old?.close();
    this.handler.state('connecting', '');
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/v1/console/live`);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    let said = '';
    let greeted = false;
    socket.onopen = () => socket.send(JSON.stringify({token: this.token}));
    socket.onmessage = ({data}: MessageEvent<string | ArrayBuffer>) => {
      if (socket !== this.socket) return;
      if (typeof data !== 'string') {
        this.received += data.byteLength;
        this.handler.frame(data);
        return;
      }
      const message = JSON.parse(data) as {type: string};
      switch (message.type) {
        case 'hello':
          // A newer token is answered like the first one, and changes nothing of what is shown.
          if (greeted) break;
          greeted = true;
          this.failures = 0;
          this.told = {view: '', focus: ''};
          this.handler.state('open', '');
          this.handler.hello(message as unknown as Hello);
          this.tell();
          break;
        case 'sample':
          this.handler.sample(message as unknown as Sample);
          break;
        case 'history':
          this.handler.past((message as unknown as {samples: Sample[]}).samples);
          break;
        case 'view': {
          const {mode, entities} = message as unknown as {mode: 'blocks' | 'cells' | 'none'; entities: number};
          this.handler.mode(mode, entities);
          break;
        }
        case 'error':
          said = (message as unknown as {message: string}).message;
          break;
      }
    };
    socket.onclose = ({code}) => {
      if (socket !== this.socket) return;
      this.socket = null;
      // Why this account may not watch the server knows better: it is banned, or a player's.
      const why = (code === 4403 && said) || REASONS[code] || said;
      if (code === 4401) {
        this.handler.state('waiting', why);
        this.handler.expired();
        return;
      }
      if (code === 4403) {
        this.handler.state('closed', why);
        return;
      }
      const wait = WAITS_MS[Math.min(this.failures++, WAITS_MS.length - 1)]!;
      this.handler.state('waiting', why || 'the zone does not answer');
      this.timer = window.setTimeout(() => this.connect(), wait);
    };
  }
}
