/** The input message: a bit stream (proto/WIRE.md "Input"). */
import { sameCommand, type Command } from "../motion.ts";

const MOST_BYTES = 112;

class BitWriter {
  private readonly bytes = new Uint8Array(MOST_BYTES);
  private at = 0;

  /** The low `bits` of a number of at most 32. */
  put(value: number, bits: number): void {
    for (let done = 0; done < bits; ) {
      const used = this.at & 7;
      const take = Math.min(8 - used, bits - done);
      const part = (value >>> done) & ((1 << take) - 1);
      this.bytes[this.at >> 3]! |= part << used;
      this.at += take;
      done += take;
    }
  }

  data(): Uint8Array {
    return this.bytes.subarray(0, (this.at + 7) >> 3);
  }
}

/** `commands`: 4 to 16, the newest first, for `tick`, tick - 1, ... */
export function encodeInput(
  ack: number, ackBits: bigint, tick: number, digest: number, commands: readonly Command[],
): Uint8Array {
  const out = new BitWriter();
  out.put(1, 8);
  out.put(ack, 16);
  out.put(Number(ackBits & 0xffffffffn), 32);
  out.put(Number(ackBits >> 32n), 32);
  out.put(tick % 2 ** 32, 32);
  out.put(digest, 16);
  out.put(commands.length - 1, 5);
  let before: Command | null = null;
  for (const command of commands) {
    const repeats: boolean = before !== null && sameCommand(command, before);
    if (before !== null) out.put(repeats ? 1 : 0, 1);
    if (!repeats) {
      out.put(command.east, 8);
      out.put(command.north, 8);
      out.put(command.yaw, 16);
      out.put(command.buttons, 8);
    }
    before = command;
  }
  return out.data();
}
