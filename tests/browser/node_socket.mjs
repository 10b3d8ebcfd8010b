/** What a browser's WebSocket has, as far as the client uses it; Node before 22 has none. */
import { createHash, randomBytes } from "node:crypto";
import { connect as connectPlain } from "node:net";
import { connect as connectTls } from "node:tls";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const CLOSE = 8, PING = 9, PONG = 10;

export class NodeSocket {
  binaryType = "arraybuffer";
  readyState = 0;
  onopen = null;
  onmessage = null;
  onclose = null;

  #key = randomBytes(16).toString("base64");
  #buffer = Buffer.alloc(0);
  #told = { code: 1006, reason: "" };

  /** Certificates are checked as everywhere in Node: against its own authorities and NODE_EXTRA_CA_CERTS. */
  constructor(url) {
    const { protocol, hostname, port, pathname } = new URL(url);
    const where = { host: hostname, port: Number(port) };
    this.socket = protocol === "wss:" ? connectTls(where) : connectPlain(where);
    this.socket.once(protocol === "wss:" ? "secureConnect" : "connect", () => this.socket.write(
      `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${this.#key}\r\n\r\n`));
    this.socket.on("data", (data) => {
      this.#buffer = Buffer.concat([this.#buffer, data]);
      if (this.readyState === 0) this.#readUpgrade();
      while (this.readyState !== 0 && this.#readFrame());
    });
    this.socket.on("error", (error) => (this.#told.reason ||= String(error)));
    this.socket.on("close", () => {
      if (this.readyState === 3) return;
      this.readyState = 3;
      this.onclose?.(this.#told);
    });
  }

  get bufferedAmount() {
    return this.socket.writableLength;
  }

  send(data) {
    this.#frame(2, data);
  }

  close(code = 1000) {
    if (this.readyState >= 2) return;
    this.readyState = 2;
    this.#frame(CLOSE, Buffer.from([code >> 8, code & 255]));
    this.socket.end();
  }

  #readUpgrade() {
    const end = this.#buffer.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = this.#buffer.subarray(0, end).toString();
    this.#buffer = this.#buffer.subarray(end + 4);
    const wanted = createHash("sha1").update(this.#key + GUID).digest("base64");
    if (!head.startsWith("HTTP/1.1 101 ") || !head.toLowerCase().includes(`sec-websocket-accept: ${wanted.toLowerCase()}`)) {
      this.#told.reason = head.split("\r\n")[0];
      this.socket.destroy();
      return;
    }
    this.readyState = 1;
    this.onopen?.();
  }

  /** The server does not fragment. */
  #readFrame() {
    const data = this.#buffer;
    if (data.length < 2) return false;
    const short = data[1] & 127;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (data.length < head) return false;
    const size = short < 126 ? short : short === 126 ? data.readUInt16BE(2) : Number(data.readBigUInt64BE(2));
    if (data.length < head + size) return false;
    const content = data.subarray(head, head + size);
    this.#buffer = data.subarray(head + size);
    const kind = data[0] & 15;
    if (kind === CLOSE) {
      if (size >= 2) this.#told = { code: content.readUInt16BE(0), reason: content.subarray(2).toString() };
      this.socket.end();
    } else if (kind === PING) {
      this.#frame(PONG, content);
    } else if (kind === 2) {
      this.onmessage?.({ data: content.buffer.slice(content.byteOffset, content.byteOffset + size) });
    }
    return true;
  }

  #frame(kind, data) {
    const mask = randomBytes(4);
    const size = data.length;
    const head = size < 126 ? [128 | kind, 128 | size] : [128 | kind, 254, size >> 8, size & 255];
    this.socket.write(Buffer.concat([Buffer.from(head), mask, Buffer.from(data, 0, size).map((byte, i) => byte ^ mask[i & 3])]));
  }
}
