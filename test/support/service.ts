import { type ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { createApp } from "../../src/app/app.ts";
import type { Dependencies } from "../../src/app/dependencies.ts";
import { failureOf } from "../../src/client.ts";
import { type Refund, RefundStatus } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { Delivery, FailureReason } from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { sandboxConfig } from "../../src/config/sandbox.ts";
import { type Clock, systemClock } from "../../src/refund/clock.ts";
import type { SandboxOptions } from "../../src/sandbox/options.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";

export interface ServiceOptions {
  readonly sandbox?: SandboxOptions;
  /** Environment variables besides those that point at the sandbox. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly dependencies?: Partial<Dependencies>;
}

/** A whole service in front of a sandbox, on free ports. */
export async function startService(
  { sandbox: options = {}, variables = {}, dependencies: world }: ServiceOptions = {},
) {
  const sandbox = await createSandbox(options);
  const app = await createApp(
    sandboxConfig({
      DAXPAY_URL: sandbox.url,
      DAXPAY_RELEASE: options.release ?? "documented",
      DAXPAY_SIGN_TYPE: options.signType ?? "HMAC_SHA256",
      DAXPAY_RATE: "100000",
      WATCH_JITTER: "0",
      ...variables,
    }),
    world,
  );
  const { http, grpc } = app.addresses;
  return {
    app,
    sandbox,
    http,
    grpc,
    client: createClient(RefundSyncService, createGrpcTransport({ baseUrl: grpc })),
    async [Symbol.asyncDispose]() {
      await app.close();
      await sandbox.close();
    },
  };
}

/** Every way to speak to the service. */
export const PROTOCOLS: Readonly<Record<string, (at: { http: string; grpc: string }) => Transport>> = {
  "Connect on HTTP/1.1": ({ http }) => createConnectTransport({ baseUrl: http, httpVersion: "1.1" }),
  "Connect on h2": ({ grpc }) => createConnectTransport({ baseUrl: grpc, httpVersion: "2" }),
  "gRPC": ({ grpc }) => createGrpcTransport({ baseUrl: grpc }),
  "gRPC-Web on HTTP/1.1": ({ http }) => createGrpcWebTransport({ baseUrl: http, httpVersion: "1.1" }),
  "gRPC-Web on h2": ({ grpc }) => createGrpcWebTransport({ baseUrl: grpc, httpVersion: "2" }),
};

/** Milliseconds: what is longer is a deadline rather than a wait, and a busy machine needs all of it. */
const LONGEST_WAIT_MS = 50_000;

/** A clock whose waits pass so many times faster. */
export function acceleratedClock(times: number): Pick<Dependencies, "clock"> {
  const after: Clock["after"] = (ms, work) => systemClock.after(ms > LONGEST_WAIT_MS ? ms : ms / times, work);
  return { clock: { ...systemClock, after } };
}

/** What came of a call in one line: "SUCCEEDED refund_success", or "not_found REFUND_NOT_FOUND ANSWERED -". */
export async function summarize(call: Promise<{ refund?: Refund }>): Promise<string> {
  try {
    const { refund } = await call;
    return refund ? `${RefundStatus[refund.status]} ${refund.daxpayStatus}` : "nothing";
  } catch (error) {
    return summarizeError(error as ConnectError);
  }
}

/** Code, reason, delivery and the milliseconds after which to repeat. */
export function summarizeError(error: ConnectError): string {
  const failure = failureOf(error);
  const code = Code[error.code]?.replace(/(?<!^)([A-Z])/g, "_$1").toLowerCase();
  if (!failure) return `${code} without a failure: ${error.message}`;
  const retry = failure.retryDelay ? `${durationMs(failure.retryDelay)}` : "-";
  return `${code} ${FailureReason[failure.reason]} ${Delivery[failure.delivery]} ${retry}`;
}
