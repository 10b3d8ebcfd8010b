// The last ten minutes of samples, and columns of them as the plots want them. Pure.

import type {Sample} from './types';

export const KEPT_S = 600;
/** Without a sample for so long the line breaks. */
const GAP_S = 5;

type Reader = (sample: Sample) => number | null | undefined;

export class History {
  /** Unix seconds, rising. */
  readonly times: number[] = [];
  /** Of each of the times; null where a gap is. */
  private readonly rows: Array<Sample | null> = [];
  private readonly columns: Array<{read: Reader; values: Array<number | null>}> = [];
  /** Grows with every change. */
  version = 0;
  latest: Sample | null = null;

  /** A column of what is there, kept from now on. Null where a sample has no such figure. */
  column(read: Reader): Array<number | null> {
    const values = this.rows.map((row) => valueOf(read, row));
    this.columns.push({read, values});
    return values;
  }

  add(sample: Sample): void {
    const time = sample.time_ms / 1000;
    const last = this.times.at(-1);
    if (last !== undefined && time <= last) {
      // The server's clock went back: what is shown is its time, so it begins anew.
      if (time < last - GAP_S) this.clear();
      else return;
    }
    if (last !== undefined && time - last > GAP_S) this.push(last + 1, null);
    this.push(time, sample);
    this.latest = sample;
    ++this.version;
    this.trim(time);
  }

  /** Samples that the server kept, in any order, among those that are here. */
  merge(samples: Sample[]): void {
    const all = new Map<number, Sample>();
    for (const sample of [...samples, ...this.rows]) if (sample) all.set(sample.time_ms, sample);
    const sorted = [...all.values()].sort((a, b) => a.time_ms - b.time_ms);
    const newest = this.latest ?? sorted.at(-1);
    this.clear();
    for (const sample of sorted) {
      // What is later than the newest that was told live is from before the server's clock went back.
      if (newest && sample.time_ms <= newest.time_ms) this.add(sample);
    }
  }

  private push(time: number, sample: Sample | null): void {
    this.times.push(time);
    this.rows.push(sample);
    for (const {read, values} of this.columns) values.push(valueOf(read, sample));
  }

  private trim(time: number): void {
    let old = 0;
    while (old < this.times.length && (this.times[old]! < time - KEPT_S || this.rows[old] === null)) ++old;
    if (old === 0) return;
    for (const kept of [this.times, this.rows, ...this.columns.map(({values}) => values)]) kept.splice(0, old);
  }

  private clear(): void {
    this.times.length = this.rows.length = 0;
    for (const column of this.columns) column.values.length = 0;
  }
}

function valueOf(read: Reader, sample: Sample | null): number | null {
  const value = sample === null ? null : read(sample);
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
