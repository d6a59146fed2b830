import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, onTestFinished, test } from "vitest";
import { failureOf } from "../../src/client.ts";
import { RefundStatus } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { Delivery, FailureReason, Step } from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import { createProxy } from "./chaos-proxy.ts";
import { CHAOS_RELEASES, startKillable } from "./chaos-service.ts";

const REFUND = "CHAOS-1";
/** By this number 3.0.0 needs a single query before a sync, so that the one whose reply is late is the last one. */
const BIZ_REFUND = "B-CHAOS-1";
/** Milliseconds: longer than a restart takes, shorter than DaxPay's lock lasts. */
const CHANNEL_MS = 8_000;

test.concurrent.each(CHAOS_RELEASES)(
  "main() sends no second sync to DaxPay %s when it was killed during one that closes the refund",
  async (release) => {
    const sandbox = await createSandbox({ release });
    onTestFinished(() => sandbox.close());
    sandbox.addRefund({ refundNo: REFUND, bizRefundNo: BIZ_REFUND, state: "CLOSED", latencyMs: CHANNEL_MS });
    const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>();
    let beforeReply = () => Promise.resolve();
    await using proxy = await createProxy({ target: sandbox.url, beforeReply: () => beforeReply() });
    const start = (variables: Record<string, string>) =>
      startKillable(release, proxy.url, { DAXPAY_TIMEOUT_MS: "10000", DAXPAY_SETTLE_TIMEOUT: "15s", ...variables });
    const sync = async (service: { grpc: string }) => {
      const client = createClient(RefundSyncService, createGrpcTransport({ baseUrl: service.grpc }));
      const { refund } = await client.syncRefund({ bizRefundNo: BIZ_REFUND }, { timeoutMs: 20_000 });
      return refund;
    };
    const requests = (endpoint: "sync" | "query") =>
      sandbox.requests.filter((request) => request.endpoint === endpoint);

    // Nothing was sent before this one.
    await using first = await start({ DAXPAY_SETTLE_ON_START: "off" });
    const interrupted = sync(first).catch((error) => error);
    await expect.poll(() => requests("sync").length).toBe(1);
    first.kill("SIGKILL");
    await interrupted;
    await first.ended;

    // The worst moment for a second sync: the query reports the refund as unfinished, and by the time its reply arrives it is
    // closed.
    beforeReply = () => closed;
    const queriesBefore = requests("query").length;
    await using second = await start({});
    const blocked = sync(second).catch(failureOf);
    await expect.poll(() => requests("query").length).toBeGreaterThan(queriesBefore);
    expect(sandbox.refund(REFUND)).toMatchObject({ status: "progress" });
    await expect.poll(() => sandbox.refund(REFUND)?.status).toBe("close");
    onClosed();

    const outcome = await blocked;
    expect(sandbox.refund(REFUND)).toMatchObject({ syncs: 1, credits: 1 });
    expect(outcome).toMatchObject({
      reason: FailureReason.SYNC_IN_DOUBT,
      delivery: Delivery.IN_DOUBT,
      step: Step.QUERY,
    });
    expect(await sync(second)).toMatchObject({ status: RefundStatus.CLOSED, final: true });
  },
);
