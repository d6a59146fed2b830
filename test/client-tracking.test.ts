import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { describe, expect, test, vi } from "vitest";
import { createRefundClient, type EventsOptions, failureOf, type RefundClient } from "../src/client.ts";
import { RefundTrackingService } from "../src/gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { FailureReason } from "../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { connectErrorFromTracking, shuttingDownError } from "../src/service/errors.ts";
import { TrackingError } from "../src/tracking/tracking.ts";
import { TRANSPORTS } from "./support/client-transports.ts";
import { createMemoryTracking, type MemoryTracking } from "./support/memory-tracking.ts";
import { errorOf, errorOutcome } from "./support/outcome.ts";
import { createProxy } from "./support/tcp-proxy.ts";
import { serveTracking } from "./support/tracking-server.ts";

/** Tracks refunds, each of which makes an event. */
async function track(tracking: MemoryTracking, refundNos: readonly string[]): Promise<void> {
  const requests = refundNos.map((refundNo) => ({
    account: "default",
    refund: { refundNo, bizRefundNo: "", clientIp: "", nonceStr: "" },
    labels: {},
    expireAfterMs: undefined,
  }));
  await tracking.track(requests, "");
}

/** Reads events until the signal of its options aborts. */
function collect(client: RefundClient, cursor: string, options: EventsOptions = {}) {
  const cursors: string[] = [];
  const reconnects: { readonly error: ConnectError; readonly delayMs: number }[] = [];
  const leave = new AbortController();
  const done = (async () => {
    const onReconnect = (error: ConnectError, delayMs: number) => reconnects.push({ error, delayMs });
    for await (const event of client.refundEvents(cursor, { onReconnect, signal: leave.signal, ...options })) {
      cursors.push(event.cursor);
    }
  })();
  const error = errorOf(done);
  return { cursors, reconnects, error, leave: () => leave.abort() };
}

/** A service whose streams end as told in turn, after a heartbeat where there is a cursor; without a socket. */
function scripted(ends: readonly (() => Promise<void>)[], heartbeats: readonly string[] = []) {
  const requests: string[] = [];
  const transport = createRouterTransport(({ service }) => {
    service(RefundTrackingService, {
      async *streamRefundEvents({ afterCursor }) {
        const index = requests.push(afterCursor) - 1;
        const cursor = heartbeats[index];
        if (cursor !== undefined) yield { message: { case: "heartbeat", value: { cursor } } };
        await ends[index]();
      },
    });
  });
  return { client: createRefundClient({ transport }), requests };
}

describe("trackRefund()", () => {
  test("returns the tracked refund", async () => {
    using server = await serveTracking(createMemoryTracking());
    const client = createRefundClient({ baseUrl: server.http });
    expect(await client.trackRefund({ refundNo: "R1", labels: { shop: "7" } })).toMatchObject({
      labels: { shop: "7" },
    });
    expect(await client.rawTracking.getTrackedRefund({ refundNo: "R1" })).toMatchObject({ trackedRefund: {} });
  });

  test("retries while the store is unavailable", async () => {
    const tracking = createMemoryTracking();
    using server = await serveTracking(tracking);
    tracking.fail(new TrackingError("STORE_UNAVAILABLE", "x", { retryDelayMs: 20 }));
    const call = createRefundClient({ baseUrl: server.http }).trackRefund({ refundNo: "R1" });
    await expect.poll(() => tracking.attempts(), { interval: 1 }).toBe(1);
    tracking.fail(undefined);
    expect(await call).toMatchObject({ refund: { refundNo: "R1" } });
  });

  test.each(["STORE_REPLACED", "INVALID_REQUEST"] as const)("does not retry %s", async (reason) => {
    const tracking = createMemoryTracking();
    using server = await serveTracking(tracking);
    tracking.fail(new TrackingError(reason, "x"));
    const error = await errorOf(createRefundClient({ baseUrl: server.http }).trackRefund({ refundNo: "R1" }));
    expect(errorOutcome(error)).toMatchObject({ reason });
    expect(tracking.attempts()).toBe(1);
  });
});

/** Tests that run at the same time cannot use expect.poll. */
const eventually = (assertion: () => void) => vi.waitFor(assertion, { timeout: 15_000, interval: 20 });

describe.concurrent("refundEvents()", () => {
  test.each(Object.entries(TRANSPORTS))(
    "continues at the last cursor when the connection breaks over %s",
    async (_name, { to, client: create }) => {
      const tracking = createMemoryTracking();
      using server = await serveTracking(tracking);
      using proxy = await createProxy(server[to]);
      await track(tracking, ["R1", "R2"]);
      const reading = collect(create(proxy.url), "c1");
      await eventually(() => expect(reading.cursors).toEqual(["c2"]));
      proxy.reset();
      await track(tracking, ["R3"]);
      await eventually(() => expect(reading.cursors).toEqual(["c2", "c3"]));
      expect(reading.reconnects).toHaveLength(1);
      expect(reading.reconnects[0].delayMs).toBeGreaterThanOrEqual(1_000);
      reading.leave();
      expect(await reading.error).toMatchObject({ code: Code.Canceled });
    },
  );

  test("continues at the last heartbeat's cursor, and yields no heartbeat", async () => {
    const last = connectErrorFromTracking(new TrackingError("STORE_REPLACED", "x"));
    const { client, requests } = scripted([() => Promise.resolve(), () => Promise.reject(last)], ["c5"]);
    const reading = collect(client, "c1");
    await reading.error;
    expect(requests).toEqual(["c1", "c5"]);
    expect(reading.cursors).toEqual([]);
  });

  test.each(Object.entries(TRANSPORTS))(
    "takes a silence for a broken connection over %s",
    async (_name, { to, client: create }) => {
      const tracking = createMemoryTracking();
      using server = await serveTracking(tracking);
      const reading = collect(create(server[to]), "", { silenceTimeoutMs: 50 });
      await eventually(() => expect(reading.reconnects).toHaveLength(1));
      expect(reading.reconnects[0].error.rawMessage).toBe("Expected an event or a heartbeat within 50 ms, got none");
      await eventually(() => expect(tracking.streams()).toBe(0));
      reading.leave();
      expect(await reading.error).toMatchObject({ code: Code.Canceled });
    },
  );

  test("takes no time that its reader takes for a silence", async () => {
    const tracking = createMemoryTracking();
    using server = await serveTracking(tracking);
    await track(tracking, ["R1", "R2"]);
    const reconnects: unknown[] = [];
    const options = { silenceTimeoutMs: 500, onReconnect: (error: unknown) => reconnects.push(error) };
    for await (const { cursor } of createRefundClient({ baseUrl: server.http }).refundEvents("", options)) {
      if (cursor === "c2") break;
      await new Promise((resolve) => setTimeout(resolve, 700));
    }
    expect(reconnects).toEqual([]);
  });

  test.each([
    ["the service shuts down", () => Promise.reject(shuttingDownError())],
    ["the store is away", () => Promise.reject(connectErrorFromTracking(new TrackingError("STORE_UNAVAILABLE", "x")))],
    ["the stream ends", () => Promise.resolve()],
  ])("opens a new stream when %s", async (_what, end) => {
    const last = () => Promise.reject(connectErrorFromTracking(new TrackingError("STORE_REPLACED", "x")));
    const { client, requests } = scripted([end, last]);
    const reading = collect(client, "c1");
    expect(errorOutcome(await reading.error)).toMatchObject({ reason: "STORE_REPLACED" });
    expect(requests).toEqual(["c1", "c1"]);
    expect(reading.reconnects).toHaveLength(1);
  });

  test("ends with CURSOR_EXPIRED", async () => {
    const tracking = createMemoryTracking();
    using server = await serveTracking(tracking);
    await track(tracking, ["R1", "R2"]);
    tracking.prune();
    const error = await collect(createRefundClient({ baseUrl: server.http }), "c1").error;
    expect(failureOf(error)?.reason).toBe(FailureReason.CURSOR_EXPIRED);
  });

  test("reads only the account that it is asked for", async () => {
    const tracking = createMemoryTracking();
    using server = await serveTracking(tracking);
    const client = createRefundClient({ baseUrl: server.http });
    for (const account of ["one", "two", "one"]) await client.trackRefund({ account, refundNo: account });
    await client.rawTracking.untrackRefund({ account: "one", refundNo: "one" });
    const reading = collect(client, "", { account: "one" });
    await eventually(() => expect(reading.cursors).toEqual(["c1", "c3"]));
    reading.leave();
    await reading.error;
  });
});
