import { afterEach, describe, expect, test } from "vitest";
import type { AttemptResult, ClaimResult, SharedRecords, SharedRefund } from "../../src/refund/shared.ts";
import { createEmbedded, type Embedded, type EmbeddedService } from "../support/embedded.ts";

let embedded: Embedded;
afterEach(() => embedded[Symbol.dispose]());

interface Claimed {
  readonly refund: SharedRefund;
  readonly callMs: number | undefined;
}

/** What replicas agree on, as told by the test: each claim takes `claimMs` and gets the next answer; the last repeats. */
function createShared(claimMs: number, ...answers: (ClaimResult["kind"] | (() => ClaimResult))[]) {
  const claims: Claimed[] = [];
  const results: AttemptResult[] = [];
  const shared: SharedRecords = {
    async claim(refund, callMs) {
      const calledAt = performance.now();
      const answer = answers[Math.min(claims.push({ refund, callMs }), answers.length) - 1];
      if (claimMs > 0) await new Promise((resolve) => setTimeout(resolve, claimMs));
      if (typeof answer === "function") return answer();
      switch (answer) {
        case "granted":
          return { kind: answer, claim: { token: `t${claims.length}`, sendBefore: calledAt + 5_000 } };
        case "held":
          return { kind: answer, ended: new Promise((resolve) => setTimeout(resolve, 1_000)) };
        case "doubt":
          return { kind: answer, ms: 30_000 };
        case "synced":
          return { kind: answer, state: undefined };
        case "away":
          return { kind: answer, replaced: false, mayContinue: false };
        case "settled":
          return { kind: answer };
      }
    },
    commit(result) {
      results.push(result);
      return Promise.resolve(undefined);
    },
    find: () => Promise.resolve(undefined),
  };
  return { shared, claims, results };
}

const request = { refundNo: "R1", bizRefundNo: "", clientIp: "", nonceStr: "" };

/** The domain in front of an embedded DaxPay 3.0.0 with a refund R1 in progress. */
function start(shared: SharedRecords) {
  embedded = createEmbedded({ release: "3.0.0" });
  embedded.daxpay.addRefund({ refundNo: "R1", status: "progress", state: "PROCESSING", orderNo: "P1" });
  const service = embedded.start({ shared });
  return { service, sync: (passMs = 5_000) => call(service, passMs) };
}

async function call({ refunds }: EmbeddedService, passMs: number, overrides = {}) {
  const outcome = refunds.sync({ ...request, ...overrides }, {
    signal: new AbortController().signal,
    timeoutMs: 60_000,
  }).catch((error) => error);
  await embedded.advance(passMs);
  return await outcome;
}

/** The endpoints that DaxPay was asked, without the query that proves whose the refund is. */
const endpoints = () =>
  embedded.daxpay.requests.filter(({ members }) => members?.refundNo === "R1").map(({ endpoint }) => endpoint);

describe("createSyncer() with shared records", () => {
  test("claims what the signed query names, and records the answer with the claim", async () => {
    const { shared, claims, results } = createShared(0, "granted");
    const { service, sync } = start(shared);
    expect(await sync()).toMatchObject({ status: "IN_PROGRESS" });
    const refund = { refundNo: "R1", bizRefundNo: "B-R1", orderNo: "P1", bound: true };
    expect(claims).toEqual([{ refund, callMs: 0 }]);
    expect(results).toMatchObject([{ refund, claim: { token: "t1" }, sync: "ANSWERED" }]);
    // A call with a nonce of its own wants a sync of its own.
    await call(service, 15_000, { nonceStr: "n1" });
    expect(claims[1]).toEqual({ refund, callMs: undefined });
  });

  test("waits for the sync of another replica, and then queries anew", async () => {
    const { shared } = createShared(0, "held", "granted");
    const { sync } = start(shared);
    await sync();
    expect(endpoints()).toEqual(["query", "query", "sync"]);
  });

  test.each(["settled", "synced", "away"] as const)("answers from the query and records it: %s", async (kind) => {
    const { shared, results } = createShared(0, kind);
    const { sync } = start(shared);
    expect(await sync()).toMatchObject({ status: "IN_PROGRESS" });
    expect(endpoints()).toEqual(["query"]);
    expect(results).toMatchObject([{
      claim: undefined,
      sync: undefined,
      verified: { state: { status: "IN_PROGRESS" } },
    }]);
  });

  test("records what a query says of a refund that this process knows as settled", async () => {
    const { shared, claims, results } = createShared(0, "granted");
    const { service, sync } = start(shared);
    embedded.daxpay.callback("R1", "close");
    await sync();
    embedded.daxpay.reset();
    embedded.daxpay.addRefund({ refundNo: "R1", status: "fail", state: "CLOSED", orderNo: "P1" });
    expect(await sync()).toMatchObject({ status: "FAILED" });
    expect(endpoints()).toEqual(["query"]);
    expect(claims).toEqual([]);
    expect(results.map(({ verified }) => verified?.state.status)).toEqual(["CLOSED", "FAILED"]);
    // The records report it once it is recorded.
    expect(service.events).not.toContainEqual(expect.objectContaining({ type: "conflict" }));
  });

  test("throws SYNC_IN_DOUBT with the time that is left, without a sync", async () => {
    const { shared } = createShared(0, "doubt");
    const { sync } = start(shared);
    expect(await sync()).toMatchObject({ reason: "SYNC_IN_DOUBT", retryDelayMs: 30_000 });
    expect(endpoints()).toEqual(["query"]);
  });

  test("repeats a query that is older than 250 ms when the claim is committed", async () => {
    const { shared } = createShared(250, "granted");
    const { sync } = start(shared);
    await sync();
    expect(endpoints()).toEqual(["query", "sync"]);
    embedded[Symbol.dispose]();
    const slow = createShared(251, "granted");
    await start(slow.shared).sync();
    expect(endpoints()).toEqual(["query", "query", "sync"]);
  });

  test("sends no sync that the repeated query forbids, and gives the claim back", async () => {
    const { shared, results } = createShared(300, "granted");
    const { service } = start(shared);
    setTimeout(() => embedded.daxpay.callback("R1", "close"), 200);
    await call(service, 5_000);
    expect(endpoints()).toEqual(["query", "query"]);
    expect(results).toMatchObject([{
      claim: { token: "t1" },
      sync: "NOT_SENT",
      verified: { state: { status: "CLOSED" } },
    }]);
  });

  test("sends no sync with a claim that another replica may have taken over", async () => {
    const { shared, results } = createShared(5_000, "granted");
    const { sync } = start(shared);
    expect(await sync(6_000)).toMatchObject({ reason: "RATE_LIMITED", delivery: "NOT_SENT" });
    expect(endpoints()).toEqual(["query"]);
    expect(results).toMatchObject([{ claim: { token: "t1" }, sync: "NOT_SENT" }]);
  });

  test("repeats the query also where the database did not answer and the operator lets it go on", async () => {
    const away = (): ClaimResult => ({ kind: "away", replaced: false, mayContinue: true });
    const { shared, results } = createShared(3_000, away);
    const { service, sync } = start(shared);
    await sync();
    expect(endpoints()).toEqual(["query", "query", "sync"]);
    expect(results).toMatchObject([{ claim: undefined, sync: "ANSWERED" }]);
    expect(service.events).toContainEqual({ type: "storeAway", refundNo: "R1", replaced: false, continued: true });
  });

  test("sends nothing where the database is another one, whatever the operator says", async () => {
    const { shared } = createShared(0, () => ({ kind: "away", replaced: true, mayContinue: true }));
    const { sync } = start(shared);
    expect(await sync()).toMatchObject({ reason: "STORE_REPLACED", delivery: "NOT_SENT" });
    expect(endpoints()).toEqual(["query"]);
  });

  test("records a sync without an answer as in doubt", async () => {
    const { shared, results } = createShared(0, "granted");
    const { sync } = start(shared);
    embedded.daxpay.setFault("lost", { endpoint: "sync", times: 1 });
    expect(await sync()).toMatchObject({ delivery: "IN_DOUBT" });
    expect(results).toMatchObject([{ claim: { token: "t1" }, sync: "DOUBT", verified: undefined }]);
  });
});
