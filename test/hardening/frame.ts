import { Buffer } from "node:buffer";

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

/** HEADERS that begin a gRPC call and leave its body open; the stream's number must be odd and grow. */
export function beginCall(stream: number): Buffer {
  const literal = (name: string, value: string) =>
    Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
  const block = Buffer.concat([
    // :method POST and :scheme http stand in HPACK's static table.
    Buffer.from([0x83, 0x86]),
    literal(":path", "/daxpay.refundsync.v1.RefundSyncService/SyncRefund"),
    literal(":authority", "127.0.0.1"),
    literal("content-type", "application/grpc"),
  ]);
  return frame(1, 4, stream, block);
}

/** RST_STREAM with CANCEL. */
export function cancelCall(stream: number): Buffer {
  return frame(3, 0, stream, new Uint8Array([0, 0, 0, 8]));
}
