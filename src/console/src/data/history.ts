// The last ten minutes of samples, in columns as the plots want them. Pure.

import type {Sample} from './types';

export const KEPT_S = 600;

type Reader = (sample: Sample) => number | null | undefined;

export class History {
  /** Unix seconds, rising. */
  readonly times: number[] = [];
  private readonly columns: Array<{read: Reader; values: Array<number | null>}> = [];
  /** Grows with every sample. */
  version = 0;
  latest: Sample | null = null;

  /** A column that is kept from now on. Null where a sample has no such figure. */
  column(read: Reader): Array<number | null> {
    const values = this.times.map(() => null);
    this.columns.push({read, values});
    return values;
  }

  add(sample: Sample): void {
    const time = sample.time_ms / 1000;
    const last = this.times.at(-1);
    if (last !== undefined && time <= last) {
      // The server's clock went back: what is shown is its time, so it begins anew.
      if (time < last - 5) this.clear();
      else return;
    }
    // A gap is drawn as one.
    if (last !== undefined && time - last > 5) this.push(last + 1, null);
    this.push(time, sample);
    this.latest = sample;
    ++this.version;
    let old = 0;
    while (old < this.times.length && this.times[old]! < time - KEPT_S) ++old;
    if (old > 0) {
      this.times.splice(0, old);
      for (const column of this.columns) column.values.splice(0, old);
    }
  }

  private push(time: number, sample: Sample | null): void {
    this.times.push(time);
    for (const {read, values} of this.columns) {
      const value = sample === null ? null : read(sample);
      values.push(typeof value === 'number' && Number.isFinite(value) ? value : null);
    }
  }

  private clear(): void {
    this.times.length = 0;
    for (const column of this.columns) column.values.length = 0;
  }
}
