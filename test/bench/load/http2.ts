/**
 * A raw HTTP/2 connection (RFC 9113) with what the benchmark needs only: it sends prebuilt requests and reads DATA
 * frames. It ignores response headers, so callers have to judge a response by its body.
 */
export interface Http2 {
  /** Sends the complete request on a new stream. */
  open(request: Http2Request, listener: StreamListener): void;
  close(): void;
}

export interface Http2Request {
  /** A HEADERS frame without a stream id. */
  readonly headers: Uint8Array;
  readonly body: Uint8Array;
}

export interface StreamListener {
  onData(bytes: Uint8Array): void;
  onEnd(error?: Error): void;
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
const FRAME_HEADER_SIZE = 9;
const MAX_WINDOW = 2 ** 31 - 1;
const MAX_FRAME_SIZE = 16_384;
const DEFAULT_WINDOW = 65_535;
/** Bytes of data after which the connection's window is opened again. */
const WINDOW_UPDATE_THRESHOLD = 2 ** 24;
/** Longest HPACK string whose length fits into one byte. */
const MAX_STRING = 126;

/** Encodes fields as HPACK literals without indexing (RFC 7541, 6.2.2). Throws if a name or value exceeds 126 bytes. */
export function headersFrame(fields: Readonly<Record<string, string>>): Uint8Array {
  const bytes: number[] = [];
  for (const field of Object.entries(fields)) {
    bytes.push(0);
    for (const text of field) {
      if (text.length > MAX_STRING) {
        throw new RangeError(`${field[0]}: expected at most ${MAX_STRING} characters, got ${text.length}`);
      }
      bytes.push(text.length, ...new TextEncoder().encode(text));
    }
  }
  return frame(HEADERS, END_HEADERS, 0, Uint8Array.from(bytes));
}

export async function openHttp2(port: number): Promise<Http2> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay(true);
  const listeners = new Map<number, StreamListener>();
  let lastId = -1;
  let received = 0;
  let window = DEFAULT_WINDOW;
  let closed = false;
  let outgoing: Uint8Array[] = [PREFACE, frame(SETTINGS, 0, 0, settings()), windowUpdate(MAX_WINDOW - DEFAULT_WINDOW)];
  let sending = false;

  /** Writes all frames of one turn of the event loop at once. */
  function send(...frames: Uint8Array[]): void {
    outgoing.push(...frames);
    if (sending) return;
    sending = true;
    queueMicrotask(() => void flush());
  }

  async function flush(): Promise<void> {
    try {
      while (outgoing.length > 0) {
        const bytes = concat(outgoing);
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
    for (const listener of listeners.values()) listener.onEnd(error);
    listeners.clear();
  }

  async function receive(): Promise<void> {
    let rest = new Uint8Array(0);
    const buffer = new Uint8Array(64 * 1024);
    for (;;) {
      const length = await conn.read(buffer);
      if (length === null) throw new Error("expected a frame, got a closed connection");
      const bytes = rest.length === 0 ? buffer.subarray(0, length) : concat([rest, buffer.subarray(0, length)]);
      let at = 0;
      while (bytes.length - at >= FRAME_HEADER_SIZE) {
        const size = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
        if (bytes.length - at < FRAME_HEADER_SIZE + size) break;
        const id = readUint32(bytes, at + 5) & 0x7fffffff;
        const payload = bytes.subarray(at + FRAME_HEADER_SIZE, at + FRAME_HEADER_SIZE + size);
        handleFrame(bytes[at + 3], bytes[at + 4], id, payload);
        at += FRAME_HEADER_SIZE + size;
      }
      rest = bytes.slice(at);
    }
  }

  function handleFrame(type: number, flags: number, id: number, payload: Uint8Array): void {
    switch (type) {
      case DATA: {
        if (flags & PADDED) throw new Error("expected a DATA frame without padding, got a padded one");
        received += payload.length;
        if (received >= WINDOW_UPDATE_THRESHOLD) {
          send(windowUpdate(received));
          received = 0;
        }
        if (payload.length > 0) listeners.get(id)?.onData(payload);
        if (flags & END_STREAM) end(id);
        return;
      }
      case HEADERS:
        if (flags & END_STREAM) end(id);
        return;
      case RST_STREAM:
        return end(id, new Error(`expected a response, got RST_STREAM with error code ${readUint32(payload, 0)}`));
      case SETTINGS:
        if (!(flags & ACK)) send(frame(SETTINGS, ACK, 0, new Uint8Array(0)));
        return;
      case PING:
        if (!(flags & ACK)) send(frame(PING, ACK, 0, payload.slice()));
        return;
      case GOAWAY: {
        const code = readUint32(payload, 4);
        if (code !== 0) throw new Error(`expected an open connection, got GOAWAY with error code ${code}`);
        return;
      }
      case WINDOW_UPDATE:
        if (id === 0) window += readUint32(payload, 0);
    }
  }

  function end(id: number, error?: Error): void {
    const listener = listeners.get(id);
    listeners.delete(id);
    listener?.onEnd(error);
  }

  receive().catch(fail);
  send();
  return {
    open({ headers, body }, listener) {
      if (closed) return listener.onEnd(new Error("expected an open connection, got a closed one"));
      if (body.length > window) throw new RangeError(`expected a window of ${body.length} bytes, got ${window}`);
      window -= body.length;
      lastId += 2;
      listeners.set(lastId, listener);
      send(withStreamId(headers, lastId), ...dataFrames(lastId, body));
    },
    close() {
      closed = true;
      conn.close();
    },
  };
}

function dataFrames(id: number, body: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < body.length; at += MAX_FRAME_SIZE) {
    const last = at + MAX_FRAME_SIZE >= body.length;
    frames.push(frame(DATA, last ? END_STREAM : 0, id, body.subarray(at, at + MAX_FRAME_SIZE)));
  }
  return frames;
}

/** HEADER_TABLE_SIZE 0, ENABLE_PUSH 0, the largest INITIAL_WINDOW_SIZE. */
function settings(): Uint8Array {
  const pairs = [[1, 0], [2, 0], [4, MAX_WINDOW]];
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
  const bytes = new Uint8Array(FRAME_HEADER_SIZE + payload.length);
  bytes.set([payload.length >> 16, (payload.length >> 8) & 255, payload.length & 255, type, flags]);
  bytes.set(payload, FRAME_HEADER_SIZE);
  new DataView(bytes.buffer).setUint32(5, id);
  return bytes;
}

function withStreamId(template: Uint8Array, id: number): Uint8Array {
  const bytes = template.slice();
  new DataView(bytes.buffer).setUint32(5, id);
  return bytes;
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
