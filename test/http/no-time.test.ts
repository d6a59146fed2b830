import { ConnectError, createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { failureOf } from "../../src/client.ts";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { Delivery, FailureReason, type SyncFailure } from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { PROTOCOLS, startService } from "../support/service.ts";

let service: Awaited<ReturnType<typeof startService>>;
beforeAll(async () => void (service = await startService()));
afterAll(() => service[Symbol.asyncDispose]());

/** Each protocol reads its own; connect-es would send no timeout instead of 0. */
const options = { headers: { "connect-timeout-ms": "0", "grpc-timeout": "0S" } };
const request = { refundNo: "LOAD-1" };

/** The failure in a call's error. */
function failed(call: Promise<unknown>): Promise<SyncFailure | undefined> {
  return call.then(() => undefined, (error) => failureOf(ConnectError.from(error)));
}

describe.each(Object.entries(PROTOCOLS))("createApp() over %s answers a timeout of 0 as DEADLINE_EXCEEDED", (_, at) => {
  const client = () => createClient(RefundSyncService, at(service));

  test.each([
    ["SyncRefund", () => failed(client().syncRefund(request, options))],
    ["WatchRefund", () => failed(Array.fromAsync(client().watchRefund(request, options)))],
    ["each item of BatchSyncRefunds", async () => {
      const [{ outcome }] = await Array.fromAsync(client().batchSyncRefunds({ requests: [request] }, options));
      return outcome.case === "failure" ? outcome.value : undefined;
    }],
  ])("from %s, before anything is sent", async (_source, call) => {
    expect(await call()).toMatchObject({
      reason: FailureReason.DEADLINE_EXCEEDED,
      delivery: Delivery.NOT_SENT,
    });
    expect(service.sandbox.requests).toEqual([]);
  });
});
