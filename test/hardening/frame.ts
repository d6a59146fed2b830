import { Buffer } from "node:buffer";
import type { Socket } from "node:net";

/** One HTTP/2 frame (RFC 9113, 4.1). */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const PREFACE = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(4, 0, 0)]);
export const PING = frame(6, 0, 0, new Uint8Array(8));
export const SETTINGS = frame(4, 0, 0);
/** A client's goodbye with NO_ERROR. */
export const GOAWAY = frame(7, 0, 0, new Uint8Array(8));

const SERVICE = "/daxpay.refundsync.v1.RefundSyncService";

/** HEADERS that start a gRPC call and leave its body open. Stream numbers must be odd and increase. */
export function beginCall(stream: number): Buffer {
  return headers(stream, 0x83, `${SERVICE}/SyncRefund`, "application/grpc");
}

/** A complete unary call in Connect's JSON. */
export function callSync(stream: number, refundNo: string): Buffer {
  const body = Buffer.from(JSON.stringify({ refundNo }));
  return Buffer.concat([
    headers(stream, 0x83, `${SERVICE}/SyncRefund`, "application/json"),
    frame(0, 1, stream, body),
  ]);
}

/** A complete WatchRefund request in Connect's JSON. */
export function callWatch(stream: number, refundNo: string): Buffer {
  const message = Buffer.from(JSON.stringify({ refundNo }));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([
    headers(stream, 0x83, `${SERVICE}/WatchRefund`, "application/connect+json"),
    frame(0, 1, stream, Buffer.concat([head, message])),
  ]);
}

/** A complete GET. */
export function get(stream: number, path: string, userAgent?: string): Buffer {
  const whole = headers(stream, 0x82, path, "text/plain", userAgent);
  whole[4] |= 1;
  return whole;
}

/** The method is an index of HPACK's static table, as is the scheme. */
function headers(stream: number, method: number, path: string, type: string, userAgent?: string): Buffer {
  const literal = (name: string, value: string) =>
    Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
  const block = Buffer.concat([
    Buffer.from([method, 0x86]),
    literal(":path", path),
    literal(":authority", "127.0.0.1"),
    literal("content-type", type),
    ...(userAgent ? [literal("user-agent", userAgent)] : []),
  ]);
  return frame(1, 4, stream, block);
}

/** RST_STREAM with CANCEL. */
export function cancelCall(stream: number): Buffer {
  return frame(3, 0, stream, new Uint8Array([0, 0, 0, 8]));
}

export interface Watched {
  /** In order: "end 1" for a complete response on stream 1, "goaway 3" with the last stream's number, "close". */
  readonly seen: readonly string[];
  /** All bytes of messages. */
  readonly said: () => string;
  /** Number of PINGs. */
  readonly pings: () => number;
}

/** Collects the frames that a server sends. */
export function watchFrames(socket: Socket, { ackPings = true } = {}): Watched {
  const seen: string[] = [];
  let said = "";
  let pings = 0;
  let rest = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (let end; rest.length >= 9 && rest.length >= (end = 9 + rest.readUIntBE(0, 3)); rest = rest.subarray(end)) {
      const [type, flags] = [rest[3], rest[4]];
      if (type === 0) said += rest.toString("utf8", 9, end);
      if (type <= 1 && flags & 1) seen.push(`end ${rest.readUInt32BE(5)}`);
      if (type === 6 && !(flags & 1)) {
        pings++;
        if (ackPings) socket.write(frame(6, 1, 0, rest.subarray(9, end)));
      }
      if (type === 7) seen.push(`goaway ${rest.readUInt32BE(9)}`);
    }
  });
  socket.once("close", () => seen.push("close"));
  return { seen, said: () => said, pings: () => pings };
}
