import { openHttp1 } from "./http1.ts";
import { concat, headersFrame, type Http2, openHttp2, readUint32 } from "./http2.ts";

/** `Connect binary` uses HTTP/2, `Connect JSON` and `REST` use HTTP/1.1. */
export type Protocol = "gRPC" | "Connect binary" | "Connect JSON" | "REST";

/** Where a contender listens, and the bearer token that it expects. */
export interface Target {
  readonly port: number;
  /** Undefined where it has no HTTP/2. */
  readonly grpcPort: number | undefined;
  readonly token: string;
}

/** Callers of one contender over one protocol. HTTP/1.1: a connection each; HTTP/2: shared, as in gRPC clients. */
export interface Callers {
  /** Syncs a refund as the caller with this index; each makes one call at a time. Throws on any other response. */
  sync(caller: number, refundNo: string): Promise<"succeeded" | "locked">;
  close(): void;
}

const SERVICE = "/daxpay.refundsync.v1.RefundSyncService";
/** What DaxPay's statuses of a succeeded refund and of one in progress have in common on every release. */
const SUCCESS = "success";
const PROGRESS = "progress";
/** Streams per connection: the service allows more, some servers no more than 128. */
const MAX_STREAMS = 125;

const encoder = new TextEncoder();
const latin1 = new TextDecoder("latin1");

export async function openCallers(count: number, protocol: Protocol, target: Target): Promise<Callers> {
  switch (protocol) {
    case "Connect JSON":
      return await openJsonCallers(count, target, `${SERVICE}/SyncRefund`);
    case "REST":
      return await openJsonCallers(count, target, "/refunds/sync");
    case "gRPC":
    case "Connect binary":
      return await openBinaryCallers(count, protocol, target);
  }
}

async function openJsonCallers(count: number, { port, token }: Target, path: string): Promise<Callers> {
  const connections = await Promise.all(Array.from({ length: count }, () => openHttp1(port)));
  const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: Bearer ${token}\r\n` +
    "content-type: application/json\r\n";
  return {
    async sync(caller, refundNo) {
      const json = `{"refundNo":"${refundNo}"}`;
      const request = encoder.encode(`${head}content-length: ${json.length}\r\n\r\n${json}`);
      const { status, body } = await connections[caller].exchange(request);
      if (status === 409) return "locked";
      if (status !== 200) throw new Error(`expected HTTP 200, got ${status}: ${body.slice(0, 300)}`);
      return requireSucceeded(body, refundNo);
    },
    close: () => connections.forEach((connection) => connection.close()),
  };
}

async function openBinaryCallers(
  count: number,
  protocol: "gRPC" | "Connect binary",
  target: Target,
): Promise<Callers> {
  const connections = await openConnections(count, target);
  const headers = headersOf("SyncRefund", protocol, target);
  return {
    sync: (caller, refundNo) =>
      new Promise((resolve, reject) => {
        const message = refundMessage(refundNo);
        let text = "";
        connections[caller % connections.length].open({
          headers,
          body: protocol === "gRPC" ? envelope(message) : message,
        }, {
          onData: (bytes) => void (text += latin1.decode(bytes)),
          onEnd(error) {
            if (error) return reject(error);
            try {
              resolve(requireSucceeded(text, refundNo));
            } catch (unexpected) {
              reject(unexpected);
            }
          },
        });
      }),
    close: () => connections.forEach((connection) => connection.close()),
  };
}

/** A server stream, and the number of matching messages that it has received. */
export interface Stream {
  messages: number;
  readonly ended: Promise<void>;
}

/** gRPC streams, distributed over the connections. */
export interface Streams {
  /** Counts the refunds that succeeded. */
  batch(refundNos: readonly string[]): Stream;
  /** Counts the attempts in progress. */
  watch(refundNo: string): Stream;
  close(): void;
}

export async function openStreams(count: number, target: Target): Promise<Streams> {
  const connections = await openConnections(count, target);
  const headers = {
    batch: headersOf("BatchSyncRefunds", "gRPC", target),
    watch: headersOf("WatchRefund", "gRPC", target),
  };
  let next = 0;

  function open(frame: Uint8Array, message: Uint8Array, daxpayStatus: string): Stream {
    const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
    // Closing the connections rejects the watches, which are not awaited.
    ended.catch(() => {});
    const stream = { messages: 0, ended };
    let rest = new Uint8Array(0);
    connections[next++ % connections.length].open({ headers: frame, body: envelope(message) }, {
      onData(bytes) {
        rest = concat([rest, bytes]);
        for (let length = envelopeLength(rest); length !== undefined; length = envelopeLength(rest)) {
          if (latin1.decode(rest.subarray(0, length)).includes(daxpayStatus)) stream.messages++;
          rest = rest.slice(length);
        }
      },
      onEnd: (error) => error ? reject(error) : resolve(),
    });
    return stream;
  }

  return {
    batch(refundNos) {
      // Each is one element of field 1.
      const message = Uint8Array.from(refundNos.flatMap((refundNo) => {
        const element = refundMessage(refundNo);
        return [0x0a, element.length, ...element];
      }));
      return open(headers.batch, message, SUCCESS);
    },
    watch: (refundNo) => open(headers.watch, refundMessage(refundNo), PROGRESS),
    close: () => connections.forEach((connection) => connection.close()),
  };
}

async function openConnections(count: number, { grpcPort }: Target): Promise<readonly Http2[]> {
  if (grpcPort === undefined) throw new TypeError("expected a contender with HTTP/2, got one without");
  return await Promise.all(Array.from({ length: Math.ceil(count / MAX_STREAMS) }, () => openHttp2(grpcPort)));
}

function headersOf(method: string, protocol: "gRPC" | "Connect binary", { grpcPort, token }: Target): Uint8Array {
  return headersFrame({
    ":method": "POST",
    ":scheme": "http",
    ":path": `${SERVICE}/${method}`,
    ":authority": `127.0.0.1:${grpcPort}`,
    authorization: `Bearer ${token}`,
    ...(protocol === "gRPC"
      ? { "content-type": "application/grpc+proto", te: "trailers" }
      : { "content-type": "application/proto", "connect-protocol-version": "1" }),
  });
}

/** SyncRefundRequest or WatchRefundRequest with field 1 alone. */
function refundMessage(refundNo: string): Uint8Array {
  return encoder.encode(`\n${String.fromCharCode(refundNo.length)}${refundNo}`);
}

/** Prepends gRPC's prefix: no compression, and the length. */
function envelope(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(5 + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, 5);
  return bytes;
}

/** Length of the first complete envelope, including its prefix. */
function envelopeLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < 5) return undefined;
  const length = 5 + readUint32(bytes, 1);
  return bytes.length < length ? undefined : length;
}

/** Every encoding of a response holds the refund number and DaxPay's status as plain text. */
function requireSucceeded(text: string, refundNo: string): "succeeded" {
  if (text.includes(refundNo) && text.includes(SUCCESS)) return "succeeded";
  throw new Error(`expected that ${refundNo} succeeded, got ${JSON.stringify(text.slice(0, 300))}`);
}
