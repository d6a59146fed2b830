import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { createApp } from "../../src/app/app.ts";
import { SANDBOX_KEYS } from "../../src/cli/sandbox-keys.ts";
import { sandboxConfig } from "../../src/config/sandbox.ts";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { type Clock, systemClock } from "../../src/refund/clock.ts";
import type { SandboxOptions } from "../../src/sandbox/options.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";

/** What the service takes from its surroundings. */
type Dependencies = NonNullable<Parameters<typeof createApp>[1]>;

export interface ServiceOptions {
  readonly sandbox?: SandboxOptions;
  /** Environment variables besides those that point at the sandbox. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly dependencies?: Dependencies;
}

export type Service = Awaited<ReturnType<typeof startService>>;

/** Starts the whole service in front of a sandbox, on free ports. */
export async function startService(
  { sandbox: options = {}, variables = {}, dependencies }: ServiceOptions = {},
) {
  const sandbox = await createSandbox(options);
  const app = await createApp(
    sandboxConfig({
      DAXPAY_URL: sandbox.url,
      DAXPAY_RELEASE: options.release ?? "documented",
      DAXPAY_SIGN_TYPE: options.signType ?? "HMAC_SHA256",
      DAXPAY_RATE: "100000",
      WATCH_JITTER: "0",
      ...SANDBOX_KEYS,
      ...variables,
    }),
    { countFreeDescriptors: (max) => max, ...dependencies },
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

/** Every protocol and HTTP version that reaches the service. */
export const PROTOCOLS: Readonly<Record<string, (at: { http: string; grpc: string }) => Transport>> = {
  "Connect on HTTP/1.1": ({ http }) => createConnectTransport({ baseUrl: http, httpVersion: "1.1" }),
  "Connect on h2": ({ grpc }) => createConnectTransport({ baseUrl: grpc, httpVersion: "2" }),
  "gRPC": ({ grpc }) => createGrpcTransport({ baseUrl: grpc }),
  "gRPC-Web on HTTP/1.1": ({ http }) => createGrpcWebTransport({ baseUrl: http, httpVersion: "1.1" }),
  "gRPC-Web on h2": ({ grpc }) => createGrpcWebTransport({ baseUrl: grpc, httpVersion: "2" }),
};

/** Milliseconds: a longer timer is a deadline rather than a delay, and a busy machine needs all of it. */
const MAX_DELAY_MS = 50_000;

/** A clock whose delays pass the given number of times faster. Deadlines and elapsed time stay as they are. */
export function acceleratedClock(times: number): { readonly clock: Clock } {
  const after: Clock["after"] = (ms, work) => systemClock.after(ms > MAX_DELAY_MS ? ms : ms / times, work);
  return { clock: { ...systemClock, after } };
}
