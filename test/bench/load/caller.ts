import { headersFrame, type Http2, joined, number32, openHttp2 } from "./http2.ts";
import { openHttp1 } from "./http1.ts";

/** How a contender is spoken to. */
export type Protocol = "gRPC" | "Connect h2" | "Connect JSON" | "REST";

/** Where a contender listens, and what it wants to see. */
export interface Target {
  readonly port: number;
  /** Undefined where it has no HTTP/2. */
  readonly grpcPort: number | undefined;
  readonly token: string;
}

/** Callers of one contender by one protocol. HTTP/1.1: a connection each; HTTP/2: shared, as gRPC clients do. */
export interface Callers {
  /** Syncs a refund as the caller of that number, from 0; each makes one call at a time. Throws where the answer is wrong. */
  sync(caller: number, refundNo: string): Promise<"succeeded" | "locked">;
  close(): void;
}

const SERVICE = "/daxpay.refundsync.v1.RefundSyncService";
/** More than most servers allow as streams of one connection. */
const STREAMS = 125;

const encoder = new TextEncoder();
const latin1 = new TextDecoder("latin1");

export async function openCallers(count: number, protocol: Protocol, target: Target): Promise<Callers> {
  switch (protocol) {
    case "Connect JSON":
      return await openTexts(count, target, `${SERVICE}/SyncRefund`);
    case "REST":
      return await openTexts(count, target, "/refunds/sync");
    case "gRPC":
    case "Connect h2":
      return await openBinaries(count, protocol, target);
  }
}

async function openTexts(count: number, { port, token }: Target, path: string): Promise<Callers> {
  const connections = await Promise.all(Array.from({ length: count }, () => openHttp1(port)));
  const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: Bearer ${token}\r\n` +
    "content-type: application/json\r\n";
  return {
    async sync(caller, refundNo) {
      const body = `{"refundNo":"${refundNo}"}`;
      const request = encoder.encode(`${head}content-length: ${body.length}\r\n\r\n${body}`);
      const answer = await connections[caller].exchange(request);
      if (answer.status === 409) return "locked";
      if (answer.status !== 200) throw new Error(`Found HTTP ${answer.status}: ${answer.body.slice(0, 300)}`);
      return succeeded(answer.body, refundNo);
    },
    close: () => connections.forEach((connection) => connection.close()),
  };
}

async function openBinaries(count: number, protocol: "gRPC" | "Connect h2", target: Target): Promise<Callers> {
  const connections = await openConnections(count, target);
  const headers = headersOf("SyncRefund", protocol, target);
  return {
    sync: (caller, refundNo) =>
      new Promise((resolve, reject) => {
        const message = refundMessage(refundNo);
        let text = "";
        connections[caller % connections.length].open({
          headers,
          body: protocol === "gRPC" ? enveloped(message) : message,
        }, {
          data: (bytes) => void (text += latin1.decode(bytes)),
          end(error) {
            if (error) return reject(error);
            try {
              resolve(succeeded(text, refundNo));
            } catch (wrong) {
              reject(wrong);
            }
          },
        });
      }),
    close: () => connections.forEach((connection) => connection.close()),
  };
}

/** What a stream of the service's has brought so far. */
export interface Stream {
  messages: number;
  readonly ended: Promise<void>;
}

export interface Streams {
  batch(refundNos: readonly string[]): Stream;
  /** Spreads over the connections. */
  watch(refundNo: string): Stream;
  close(): void;
}

/** Streams by gRPC. */
export async function openStreams(count: number, target: Target): Promise<Streams> {
  const connections = await openConnections(count, target);
  const headers = {
    batch: headersOf("BatchSyncRefunds", "gRPC", target),
    watch: headersOf("WatchRefund", "gRPC", target),
  };
  let next = 0;

  function open(frame: Uint8Array, message: Uint8Array, wanted: string): Stream {
    const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
    // Nobody waits for a watch that is broken off.
    ended.catch(() => {});
    const stream = { messages: 0, ended };
    let rest = new Uint8Array(0);
    connections[next++ % connections.length].open({ headers: frame, body: enveloped(message) }, {
      data(bytes) {
        rest = joined([rest, bytes]);
        for (let length = envelopeLength(rest); length !== undefined; length = envelopeLength(rest)) {
          if (latin1.decode(rest.subarray(0, length)).includes(wanted)) stream.messages++;
          rest = rest.slice(length);
        }
      },
      end: (error) => error ? reject(error) : resolve(),
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
      return open(headers.batch, message, "refund_success");
    },
    watch: (refundNo) => open(headers.watch, refundMessage(refundNo), "refund_progress"),
    close: () => connections.forEach((connection) => connection.close()),
  };
}

async function openConnections(count: number, { grpcPort }: Target): Promise<readonly Http2[]> {
  if (grpcPort === undefined) throw new TypeError("Found no HTTP/2 port, wanted one");
  return await Promise.all(Array.from({ length: Math.ceil(count / STREAMS) }, () => openHttp2(grpcPort)));
}

function headersOf(method: string, protocol: "gRPC" | "Connect h2", { grpcPort, token }: Target): Uint8Array {
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

/** gRPC's prefix: not compressed, length. */
function enveloped(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(5 + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, 5);
  return bytes;
}

/** Of the first whole envelope, its prefix included. */
function envelopeLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < 5) return undefined;
  const length = 5 + number32(bytes, 1);
  return bytes.length < length ? undefined : length;
}

function succeeded(text: string, refundNo: string): "succeeded" {
  // The refund's number and DaxPay's word stand in clear in every form of the answer.
  if (text.includes(refundNo) && text.includes("refund_success")) return "succeeded";
  throw new Error(`Found the answer ${JSON.stringify(text.slice(0, 300))}, wanted that ${refundNo} succeeded`);
}
