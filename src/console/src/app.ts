// What the pages share: the connection, the world, and how to get from one page to another.

import {Api} from './data/api';
import {Blocks} from './data/blocks';
import {Feed, type FeedState} from './data/feed';
import {History} from './data/history';
import type {Hello, Sample} from './data/types';
import {World} from './data/world';

export interface Page {
  readonly element: HTMLElement;
  /** Of the part of the address after the page's name. */
  show(rest: URLSearchParams): void;
  hide(): void;
}

export class App {
  readonly api = new Api();
  readonly world = new World();
  readonly blocks = new Blocks(this.world);
  readonly history = new History();
  hello: Hello | null = null;
  mode: 'blocks' | 'cells' | 'none' = 'none';
  /** Entities in the view, as the server counts them. */
  inView = 0;
  feedState: FeedState = 'closed';
  feedText = '';

  private readonly listeners = new Set<() => void>();
  private readonly sampled = new Set<(sample: Sample) => void>();
  private readonly past = new Set<() => void>();

  readonly feed = new Feed({
    hello: (hello) => {
      this.hello = hello;
      this.blocks.reset(hello.tick_hz);
      this.tell();
    },
    sample: (sample) => {
      this.history.add(sample);
      for (const listener of this.sampled) listener(sample);
    },
    past: (samples) => {
      this.history.merge(samples);
      for (const listener of this.past) listener();
    },
    mode: (mode, entities) => {
      this.mode = mode;
      this.inView = entities;
      this.blocks.forget(performance.now());
      this.tell();
    },
    frame: (bytes) => this.blocks.take(bytes, performance.now()),
    state: (state, text) => {
      this.feedState = state;
      this.feedText = text;
      this.tell();
    },
    expired: () => {
      void this.api.renew().catch(() => {});
    },
  });

  /** Of the connection and the map's mode. */
  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  onSample(listener: (sample: Sample) => void): void {
    this.sampled.add(listener);
  }

  /** Of figures of before this page was opened. */
  onPast(listener: () => void): void {
    this.past.add(listener);
  }

  go(page: string, query: Record<string, string> = {}): void {
    const search = new URLSearchParams(query).toString();
    location.hash = `#/${page}${search ? `?${search}` : ''}`;
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}
