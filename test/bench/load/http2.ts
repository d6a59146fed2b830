/**
 * A raw HTTP/2 connection (RFC 9113) that only does what the benchmark needs: prebuilt requests out, data in. It reads
 * no headers of answers; whoever asks judges by the data.
 */
export interface Http2 {
  /** Sends the whole request on a new stream. */
  open(request: Http2Request, sink: Sink): void;
  close(): void;
}

export interface Http2Request {
  /** A HEADERS frame without its stream. */
  readonly headers: Uint8Array;
  readonly body: Uint8Array;
}

export interface Sink {
  data(bytes: Uint8Array): void;
  end(error?: Error): void;
}

const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const PADDED = 8;

const PREFACE = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const HEAD = 9;
const WINDOW = 2 ** 31 - 1;
const MAX_FRAME = 16_384;
const DEFAULT_WINDOW = 65_535;
/** Bytes of data after which the connection's window is opened again. */
const REPLENISH = 2 ** 24;

/** Header fields as HPACK literals that enter no table (RFC 7541, 6.2.2). Names and values of at most 126 bytes. */
export function headersFrame(fields: Readonly<Record<string, string>>): Uint8Array {
  const bytes: number[] = [];
  for (const field of Object.entries(fields)) {
    bytes.push(0);
    for (const text of field) {
      if (text.length > 126) throw new RangeError(`Found ${text.length} characters, wanted at most 126`);
      bytes.push(text.length, ...new TextEncoder().encode(text));
    }
  }
  return frame(HEADERS, END_HEADERS, 0, Uint8Array.from(bytes));
}

export async function openHttp2(port: number): Promise<Http2> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay(true);
  const sinks = new Map<number, Sink>();
  let lastId = -1;
  let received = 0;
  let window = DEFAULT_WINDOW;
  let closed = false;
  let outgoing: Uint8Array[] = [PREFACE, frame(SETTINGS, 0, 0, settings()), windowUpdate(WINDOW - DEFAULT_WINDOW)];
  let sending = false;

  /** Everything that was asked for in one turn leaves in one write. */
  function send(...frames: Uint8Array[]): void {
    outgoing.push(...frames);
    if (sending) return;
    sending = true;
    queueMicrotask(() => void flush());
  }

  async function flush(): Promise<void> {
    try {
      while (outgoing.length > 0) {
        const bytes = joined(outgoing);
        outgoing = [];
        for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
      }
      sending = false;
    } catch (error) {
      fail(error as Error);
    }
  }

  function fail(error: Error): void {
    closed = true;
    for (const sink of sinks.values()) sink.end(error);
    sinks.clear();
  }

  async function receive(): Promise<void> {
    let rest = new Uint8Array(0);
    const buffer = new Uint8Array(64 * 1024);
    for (;;) {
      const length = await conn.read(buffer);
      if (length === null) throw new Error("The connection ended");
      const bytes = rest.length === 0 ? buffer.subarray(0, length) : joined([rest, buffer.subarray(0, length)]);
      let at = 0;
      while (bytes.length - at >= HEAD) {
        const size = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
        if (bytes.length - at < HEAD + size) break;
        const id = number32(bytes, at + 5) & 0x7fffffff;
        take(bytes[at + 3], bytes[at + 4], id, bytes.subarray(at + HEAD, at + HEAD + size));
        at += HEAD + size;
      }
      rest = bytes.slice(at);
    }
  }

  function take(type: number, flags: number, id: number, payload: Uint8Array): void {
    switch (type) {
      case DATA: {
        if (flags & PADDED) throw new Error("Found padding, wanted none");
        received += payload.length;
        if (received >= REPLENISH) {
          send(windowUpdate(received));
          received = 0;
        }
        if (payload.length > 0) sinks.get(id)?.data(payload);
        if (flags & END_STREAM) end(id);
        return;
      }
      case HEADERS:
        if (flags & END_STREAM) end(id);
        return;
      case RST_STREAM:
        return end(id, new Error(`The stream was reset with ${number32(payload, 0)}`));
      case SETTINGS:
        if (!(flags & ACK)) send(frame(SETTINGS, ACK, 0, new Uint8Array(0)));
        return;
      case PING:
        if (!(flags & ACK)) send(frame(PING, ACK, 0, payload.slice()));
        return;
      case GOAWAY:
        if (number32(payload, 4) !== 0) throw new Error(`The connection was ended with ${number32(payload, 4)}`);
        return;
      case WINDOW_UPDATE:
        if (id === 0) window += number32(payload, 0);
    }
  }

  function end(id: number, error?: Error): void {
    const sink = sinks.get(id);
    sinks.delete(id);
    sink?.end(error);
  }

  receive().catch(fail);
  send();
  return {
    open({ headers, body }, sink) {
      if (closed) return sink.end(new Error("The connection has ended"));
      if (body.length > window) throw new RangeError(`Found a window of ${window}, wanted ${body.length}`);
      window -= body.length;
      lastId += 2;
      sinks.set(lastId, sink);
      send(onStream(headers, lastId), ...dataFrames(lastId, body));
    },
    close() {
      closed = true;
      conn.close();
    },
  };
}

function dataFrames(id: number, body: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < body.length; at += MAX_FRAME) {
    const last = at + MAX_FRAME >= body.length;
    frames.push(frame(DATA, last ? END_STREAM : 0, id, body.subarray(at, at + MAX_FRAME)));
  }
  return frames;
}

/** HEADER_TABLE_SIZE 0, ENABLE_PUSH 0, INITIAL_WINDOW_SIZE as large as can be. */
function settings(): Uint8Array {
  const pairs = [[1, 0], [2, 0], [4, WINDOW]];
  const view = new DataView(new ArrayBuffer(pairs.length * 6));
  pairs.forEach(([name, value], index) => {
    view.setUint16(index * 6, name);
    view.setUint32(index * 6 + 2, value);
  });
  return new Uint8Array(view.buffer);
}

function windowUpdate(size: number): Uint8Array {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, size);
  return frame(WINDOW_UPDATE, 0, 0, payload);
}

function frame(type: number, flags: number, id: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEAD + payload.length);
  bytes.set([payload.length >> 16, (payload.length >> 8) & 255, payload.length & 255, type, flags]);
  bytes.set(payload, HEAD);
  new DataView(bytes.buffer).setUint32(5, id);
  return bytes;
}

function onStream(template: Uint8Array, id: number): Uint8Array {
  const bytes = template.slice();
  new DataView(bytes.buffer).setUint32(5, id);
  return bytes;
}

export function number32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
