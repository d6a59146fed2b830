import { ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Binding, RefundStatus } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import { RefundEventKind, TrackingState } from "../../src/gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { FailureReason } from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { BadRequestSchema, ErrorInfoSchema } from "../../src/gen/google/rpc/error_details_pb.ts";
import { type StoredFailure, TrackingError } from "../../src/tracking/tracking.ts";
import { errorOf, errorOutcome, failureOutcome } from "../support/outcome.ts";
import { createMemoryTracking, type MemoryTracking, STATE } from "../support/memory-tracking.ts";
import { serveTracking } from "../support/tracking-server.ts";

let tracking: MemoryTracking;
let server: Awaited<ReturnType<typeof serveTracking>>;
let client: ReturnType<typeof server.client>;
beforeEach(async () => {
  tracking = createMemoryTracking();
  server = await serveTracking(tracking);
  client = server.client();
});
afterEach(() => server[Symbol.dispose]());

const R1 = { account: "default", refundNo: "R1", bizRefundNo: "" };
const SECOND = 1_767_225_600n;
const FAILURE: StoredFailure = {
  reason: "UPSTREAM_TIMEOUT",
  message: "x",
  delivery: "IN_DOUBT",
  step: "SYNC",
  retryDelayMs: 5_000,
  daxpayCode: 7,
  daxpayMessage: "y",
  daxpayTraceId: "z",
};

describe("TrackRefund", () => {
  test("returns the tracked refund, and whether the call started the tracking", async () => {
    const request = {
      refundNo: "R1",
      bizRefundNo: "B1",
      labels: { shop: "7" },
      expireAfter: { seconds: 60n, nanos: 1 },
    };
    const first = await server.client({ name: "shop" }).trackRefund(request);
    expect(first).toMatchObject({
      created: true,
      trackedRefund: {
        refund: {
          account: "default",
          refundNo: "R1",
          bizRefundNo: "B1",
          status: RefundStatus.UNSPECIFIED,
          final: false,
        },
        trackingState: TrackingState.ACTIVE,
        labels: { shop: "7" },
        trackTime: { seconds: SECOND },
        trackedBy: "shop",
        // Never less than was asked for.
        expireTime: { seconds: SECOND + 60n, nanos: 1_000_000 },
        nextAttemptTime: { seconds: SECOND },
        attempts: 0n,
      },
    });
    for (const unset of ["lastAttemptTime", "lastFailure", "contradiction", "refund.replyTime"]) {
      expect(first.trackedRefund).not.toHaveProperty(unset);
    }
    expect(await client.trackRefund({ refundNo: "R1", labels: {} })).toMatchObject({
      created: false,
      trackedRefund: { labels: {}, trackedBy: "shop" },
    });
  });

  test("leaves the time of tracking to the service where none is asked for", async () => {
    const { trackedRefund } = await client.trackRefund({ refundNo: "R1" });
    expect(trackedRefund).toMatchObject({ expireTime: { seconds: SECOND + 14n * 86_400n }, trackedBy: "" });
  });

  test.each([
    ["expire_after", -1, 0, "expected a positive duration"],
    ["expire_after", 31_536_000, 1, "expected at most 365 days"],
  ])("rejects %s of %d s and %d ns", async (field, seconds, nanos, description) => {
    const expireAfter = { seconds: BigInt(seconds), nanos };
    const error = await errorOf(client.trackRefund({ refundNo: "R1", expireAfter }));
    expect(error.findDetails(BadRequestSchema)[0].fieldViolations).toMatchObject([{ field, description }]);
    await client.trackRefund({ refundNo: "R1", expireAfter: { seconds: 31_536_000n } });
  });

  test("rejects labels that the database cannot store", async () => {
    const error = await errorOf(client.trackRefund({ refundNo: "R1", labels: { shop: "a\0" } }));
    expect(errorOutcome(error)).toMatchObject({ reason: "INVALID_REQUEST" });
    expect(error.rawMessage).toBe("labels.shop: expected text without U+0000");
  });
});

describe("GetTrackedRefund", () => {
  test("returns all that is known of the refund, by either number", async () => {
    await client.trackRefund({ refundNo: "R1", bizRefundNo: "B1" });
    tracking.change(R1, {
      state: STATE,
      trackingState: "FINAL",
      attempts: 2 ** 40,
      nextAttemptAt: undefined,
      lastAttemptAt: 1_500,
      lastFailure: FAILURE,
      contradiction: {
        previous: { ...STATE, status: "CLOSED" },
        observedAt: 2_000,
        note: undefined,
        acknowledgedBy: undefined,
        acknowledgedAt: undefined,
      },
    }, { kind: "CONTRADICTED" });
    const { trackedRefund } = await client.getTrackedRefund({ bizRefundNo: "B1" });
    expect(trackedRefund).toMatchObject({
      // The reply names it by one number, its caller by two.
      refund: {
        refundNo: "R1",
        bizRefundNo: "B1",
        account: "default",
        status: RefundStatus.SUCCEEDED,
        daxpayStatus: "success",
        final: true,
        binding: Binding.REFUND,
        amountFen: 2n ** 60n,
      },
      trackingState: TrackingState.FINAL,
      attempts: 2n ** 40n,
      lastAttemptTime: { seconds: 1n, nanos: 500_000_000 },
      lastFailure: { message: "x", daxpayCode: 7, daxpayMessage: "y", daxpayTraceId: "z" },
      contradiction: {
        previous: { status: RefundStatus.CLOSED, account: "default" },
        observeTime: { seconds: 2n },
        note: "",
        acknowledgedBy: "",
      },
    });
    for (const unset of ["nextAttemptTime", "contradiction.acknowledgeTime"]) {
      expect(trackedRefund).not.toHaveProperty(unset);
    }
    expect(trackedRefund?.lastFailure && failureOutcome(trackedRefund.lastFailure)).toEqual({
      code: "deadline_exceeded",
      reason: "UPSTREAM_TIMEOUT",
      delivery: "IN_DOUBT",
      step: "SYNC",
      retryDelayMs: 5_000,
    });
    expect(await client.getTrackedRefund({ refundNo: "R1", bizRefundNo: "other" })).toEqual(
      await client.getTrackedRefund({ bizRefundNo: "B1" }),
    );
  });
});

test("UntrackRefund returns the refund as it was left", async () => {
  await client.trackRefund({ refundNo: "R1" });
  const { trackedRefund } = await client.untrackRefund({ refundNo: "R1" });
  expect(trackedRefund?.trackingState).toBe(TrackingState.UNTRACKED);
  expect(trackedRefund).not.toHaveProperty("nextAttemptTime");
});

test("AcknowledgeContradiction records the note and its caller", async () => {
  await client.trackRefund({ refundNo: "R1" });
  const contradiction = { observedAt: 1, note: undefined, acknowledgedBy: undefined, acknowledgedAt: undefined };
  tracking.change(R1, { contradiction: { previous: STATE, ...contradiction } }, { kind: "CONTRADICTED" });
  const request = { refundNo: "R1", note: "looked\ninto" };
  expect(await server.client({ name: "ann" }).acknowledgeContradiction(request)).toMatchObject({
    trackedRefund: { contradiction: { note: "looked\ninto", acknowledgedBy: "ann", acknowledgeTime: {} } },
  });
  const error = await errorOf(client.acknowledgeContradiction({ refundNo: "R1", note: " \n" }));
  expect(error.rawMessage).toBe("note: expected a note");
});

describe("BatchTrackRefunds", () => {
  test("returns one result per request, in their order, after one call for all valid ones", async () => {
    await client.trackRefund({ refundNo: "R2" });
    const { results } = await server.client({ accounts: "default,gone" }).batchTrackRefunds({
      requests: [
        { refundNo: "R1" },
        { refundNo: "" },
        { refundNo: "R2", labels: { shop: "7" } },
        { refundNo: "R3", account: "two" },
        { refundNo: "R3", account: "gone" },
        { refundNo: "REPLACED" },
        { refundNo: "R4" },
      ],
    });
    expect(
      results.map(({ outcome }) =>
        outcome.case === "trackedRefund"
          ? outcome.value.refund?.refundNo
          : [FailureReason[outcome.value?.reason ?? 0], outcome.value?.message]
      ),
    ).toEqual([
      "R1",
      ["INVALID_REQUEST", "expected refund_no or biz_refund_no"],
      "R2",
      ["PERMISSION_DENIED", 'This caller may not use account "two"'],
      ["INVALID_REQUEST", 'account: expected the name of a configured account, got "gone"'],
      ["STORE_REPLACED", "The database is another one"],
      "R4",
    ]);
    expect(tracking.tracks).toEqual([1, 4]);
    expect(results[2].outcome.value).toMatchObject({ labels: { shop: "7" } });
  });

  test("calls nothing where no request is valid", async () => {
    const { results } = await client.batchTrackRefunds({ requests: [{}] });
    expect(results).toMatchObject([{ outcome: { case: "failure" } }]);
    expect(tracking.tracks).toEqual([]);
  });

  test("fails as a whole with the store", async () => {
    tracking.fail(new TrackingError("STORE_UNAVAILABLE", "The database is unavailable"));
    const error = await errorOf(client.batchTrackRefunds({ requests: [{ refundNo: "R1" }] }));
    expect(errorOutcome(error)).toMatchObject({ reason: "STORE_UNAVAILABLE" });
  });
});

describe("ListTrackedRefunds", () => {
  test("passes the query on, with 100 as the default page size", async () => {
    await client.listTrackedRefunds({ filter: "final = true", orderBy: "status", pageToken: "t" });
    await client.listTrackedRefunds({ account: "one", pageSize: 7 });
    expect(tracking.lists).toEqual([
      { accounts: undefined, filter: "final = true", orderBy: "status", pageToken: "t", pageSize: 100 },
      { accounts: ["one"], filter: "", orderBy: "", pageToken: "", pageSize: 7 },
    ]);
  });

  test("returns a page and the token of the next one", async () => {
    await client.batchTrackRefunds({ requests: [{ refundNo: "R1" }, { refundNo: "R2" }] });
    expect(await client.listTrackedRefunds({ pageSize: 1 })).toMatchObject({
      trackedRefunds: [{ refund: { refundNo: "R1" } }],
      nextPageToken: "more",
    });
  });
});

describe("a caller restricted to accounts", () => {
  let restricted: typeof client;
  beforeEach(async () => {
    restricted = server.client({ accounts: "one" });
    await client.batchTrackRefunds({
      requests: ["default", "one", "two"].map((account) => ({ account, refundNo: "R1" })),
    });
  });

  test("sees exactly its own refunds and events where it names no account", async () => {
    const mine = [{ refund: { account: "one" } }];
    expect((await restricted.listTrackedRefunds({})).trackedRefunds).toMatchObject(mine);
    expect((await restricted.listRefundEvents({})).events).toMatchObject(mine);
    const leave = new AbortController();
    const seen: (string | undefined)[] = [];
    const stream = (async () => {
      for await (const { message } of restricted.streamRefundEvents({}, { signal: leave.signal })) {
        if (message.case === "event") seen.push(message.value.refund?.account);
      }
    })().catch(() => {});
    await expect.poll(() => seen).toEqual(["one"]);
    await client.untrackRefund({ account: "two", refundNo: "R1" });
    await client.untrackRefund({ account: "one", refundNo: "R1" });
    await expect.poll(() => seen).toEqual(["one", "one"]);
    leave.abort();
    await stream;
  });

  test.each<[string, (account: string) => Promise<unknown>]>([
    ["TrackRefund", (account) => restricted.trackRefund({ account, refundNo: "R1" })],
    ["GetTrackedRefund", (account) => restricted.getTrackedRefund({ account, refundNo: "R1" })],
    ["UntrackRefund", (account) => restricted.untrackRefund({ account, refundNo: "R1" })],
    [
      "AcknowledgeContradiction",
      (account) => restricted.acknowledgeContradiction({ account, refundNo: "R1", note: "x" }),
    ],
    ["ListTrackedRefunds", (account) => restricted.listTrackedRefunds({ account })],
    ["ListRefundEvents", (account) => restricted.listRefundEvents({ account })],
    ["StreamRefundEvents", (account) => Array.fromAsync(restricted.streamRefundEvents({ account }))],
  ])("may not name another one in %s, existing or not", async (_method, call) => {
    for (const account of ["two", "unknown"]) {
      expect(errorOutcome(await errorOf(call(account)))).toMatchObject({
        code: "permission_denied",
        reason: "PERMISSION_DENIED",
      });
    }
  });

  test("may not use the default account by leaving it out", async () => {
    const error = await errorOf(restricted.getTrackedRefund({ refundNo: "R1" }));
    expect(errorOutcome(error)).toMatchObject({ reason: "PERMISSION_DENIED" });
  });
});

describe("a TrackingError", () => {
  test.each(
    [
      ["NOT_TRACKED", "not_found", undefined, undefined],
      ["STORE_UNAVAILABLE", "unavailable", undefined, 1_000],
      ["STORE_UNAVAILABLE", "unavailable", 2_000.1, 2_001],
      ["STORE_REPLACED", "failed_precondition", undefined, undefined],
      ["INVALID_REQUEST", "invalid_argument", undefined, undefined],
    ] as const,
  )("%s is sent as %s", async (reason, code, retryDelayMs, expected) => {
    tracking.fail(new TrackingError(reason, "x", retryDelayMs === undefined ? {} : { retryDelayMs }));
    for (const call of [client.getTrackedRefund({ refundNo: "R1" }), Array.fromAsync(client.streamRefundEvents({}))]) {
      expect(errorOutcome(await errorOf(call))).toEqual({
        code,
        reason,
        delivery: "NOT_SENT",
        step: undefined,
        retryDelayMs: expected,
      });
    }
  });

  test("about one refund names it", async () => {
    const error = await errorOf(client.getTrackedRefund({ refundNo: "R1", bizRefundNo: "B1" }));
    expect(error.findDetails(ErrorInfoSchema)[0].metadata).toMatchObject({ refund_no: "R1", biz_refund_no: "B1" });
  });

  test("INVALID_REQUEST names its field", async () => {
    tracking.fail(new TrackingError("INVALID_REQUEST", "expected x, got y", { field: "filter" }));
    const error = await errorOf(client.listTrackedRefunds({ filter: "y" }));
    expect(error.rawMessage).toBe("filter: expected x, got y");
    expect(error.findDetails(BadRequestSchema)).toMatchObject([
      { fieldViolations: [{ field: "filter", description: "expected x, got y" }] },
    ]);
  });

  test("CURSOR_EXPIRED carries the oldest cursor", async () => {
    await client.batchTrackRefunds({ requests: [{ refundNo: "R1" }, { refundNo: "R2" }] });
    tracking.prune();
    const error = await errorOf(client.listRefundEvents({ afterCursor: "c1" }));
    expect(errorOutcome(error)).toMatchObject({ code: "out_of_range", reason: "CURSOR_EXPIRED" });
    expect(error.rawMessage).toContain("c2");
    expect(error.findDetails(ErrorInfoSchema)[0].metadata).toEqual({ delivery: "NOT_SENT", oldest_cursor: "c2" });
  });
});

describe("ListRefundEvents", () => {
  beforeEach(async () => {
    await client.batchTrackRefunds({ requests: ["R1", "R2", "R3"].map((refundNo) => ({ refundNo })) });
  });
  const cursors = ({ events }: Awaited<ReturnType<typeof client.listRefundEvents>>) =>
    events.map((event) => event.cursor);

  test("returns pages until there is none", async () => {
    const first = await client.listRefundEvents({ pageSize: 2 });
    expect([cursors(first), first.nextPageToken]).toEqual([["c1", "c2"], "c2"]);
    const second = await client.listRefundEvents({ pageSize: 2, pageToken: first.nextPageToken, afterCursor: "c1" });
    expect([cursors(second), second.nextPageToken]).toEqual([["c3"], ""]);
    const exact = await client.listRefundEvents({ pageSize: 2, afterCursor: "c1" });
    expect([cursors(exact), exact.nextPageToken]).toEqual([["c2", "c3"], ""]);
    expect(await client.listRefundEvents({ afterCursor: "c3" })).toMatchObject({ events: [], nextPageToken: "" });
  });

  test.each([["after_cursor", { afterCursor: "x" }], ["page_token", { pageToken: "x", afterCursor: "c1" }]])(
    "blames %s for a cursor that is none",
    async (field, request) => {
      const error = await errorOf(client.listRefundEvents(request));
      expect(error.findDetails(BadRequestSchema)).toMatchObject([{ fieldViolations: [{ field }] }]);
    },
  );
});

describe("StreamRefundEvents", () => {
  test("streams events with their evidence and failures, and heartbeats between them", async () => {
    await client.trackRefund({ refundNo: "R1", labels: { shop: "7" } });
    const stream = client.streamRefundEvents({})[Symbol.asyncIterator]();
    expect(await stream.next()).toMatchObject({
      value: { message: { case: "event", value: { cursor: "c1", kind: RefundEventKind.TRACKED } } },
    });
    const heartbeat = stream.next();
    await expect.poll(() => tracking.streams()).toBe(1);
    tracking.beat();
    expect(await heartbeat).toMatchObject({ value: { message: { case: "heartbeat", value: { cursor: "c1" } } } });
    const body = new TextEncoder().encode("{}");
    tracking.change(R1, { state: STATE }, {
      kind: "FINAL",
      previousStatus: "IN_PROGRESS",
      failure: FAILURE,
      evidence: {
        requestedAt: 1_000,
        repliedAt: 2_000,
        body,
        signature: "s",
        algorithm: "HMAC_SHA256",
        fingerprint: "f",
        release: "3.0.0",
      },
    });
    expect(await stream.next()).toMatchObject({
      value: {
        message: {
          case: "event",
          value: {
            cursor: "c2",
            eventTime: { seconds: SECOND + 2n },
            kind: RefundEventKind.FINAL,
            refund: { refundNo: "R1", status: RefundStatus.SUCCEEDED, account: "default" },
            previousStatus: RefundStatus.IN_PROGRESS,
            labels: { shop: "7" },
            failure: { reason: FailureReason.UPSTREAM_TIMEOUT },
            evidence: {
              requestTime: { seconds: 1n },
              replyTime: { seconds: 2n },
              replyBody: body,
              signature: "s",
              algorithm: "HMAC_SHA256",
              secretFingerprint: "f",
              release: "3.0.0",
            },
          },
        },
      },
    });
    await stream.return?.();
  });

  test("starts after the cursor", async () => {
    await client.batchTrackRefunds({ requests: [{ refundNo: "R1" }, { refundNo: "R2" }] });
    const stream = client.streamRefundEvents({ afterCursor: "c1" })[Symbol.asyncIterator]();
    expect(await stream.next()).toMatchObject({ value: { message: { value: { cursor: "c2" } } } });
    await stream.return?.();
  });

  test("ends with its caller", async () => {
    const leave = new AbortController();
    const error = errorOf(Array.fromAsync(client.streamRefundEvents({}, { signal: leave.signal })));
    await expect.poll(() => tracking.streams()).toBe(1);
    leave.abort();
    await error;
    await expect.poll(() => tracking.streams()).toBe(0);
  });

  test("ends as unavailable with the service, so that another replica resumes it", async () => {
    const error = errorOf(Array.fromAsync(client.streamRefundEvents({})));
    await expect.poll(() => tracking.streams()).toBe(1);
    server.stop();
    expect(errorOutcome(await error)).toMatchObject({
      code: "unavailable",
      reason: "SHUTTING_DOWN",
      retryDelayMs: 1_000,
    });
    await expect.poll(() => tracking.streams()).toBe(0);
    // Calls that are short may finish.
    expect(await client.trackRefund({ refundNo: "R1" })).toMatchObject({ created: true });
  });

  test("ends with the store's failure", async () => {
    const error = errorOf(Array.fromAsync(client.streamRefundEvents({})));
    await expect.poll(() => tracking.streams()).toBe(1);
    tracking.fail(new TrackingError("STORE_UNAVAILABLE", "The database is unavailable"));
    expect(errorOutcome(await error)).toMatchObject({ reason: "STORE_UNAVAILABLE", retryDelayMs: 1_000 });
  });
});

test("an error that is not the tracking's own is not explained", async () => {
  tracking.fail(new Error("SELECT secret"));
  const error = await errorOf(client.getTrackedRefund({ refundNo: "R1" }));
  expect(error).toBeInstanceOf(ConnectError);
  expect(error.rawMessage).toBe("internal error");
});
