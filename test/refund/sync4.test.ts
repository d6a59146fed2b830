import { afterEach, describe, expect, test } from "vitest";
import type { QueryMode } from "../../src/refund/query-mode.ts";
import { createEmbedded, type Embedded } from "../support/embedded.ts";

let embedded: Embedded;
afterEach(() => embedded[Symbol.dispose]());

function start(queryMode: QueryMode = "auto", timeoutMs?: number) {
  embedded = createEmbedded({ release: "4.0.0-beta", timeoutMs });
  const { refunds } = embedded.start({ queryMode });
  const { daxpay } = embedded;
  return {
    daxpay,
    /** Calls, and resolves with the state or the failure when the given time has passed. */
    async sync(refundNo: string, passMs = 5_000) {
      const request = { refundNo, bizRefundNo: "", clientIp: "", nonceStr: "" };
      const outcome = refunds.sync(request, { signal: new AbortController().signal, timeoutMs: 60_000 })
        .catch((error) => error);
      await embedded.advance(passMs);
      return await outcome;
    },
    endpoints: () => daxpay.requests.map(({ endpoint }) => endpoint),
  };
}

describe("createSyncer() on 4.0.0-beta in mode auto", () => {
  test.each([["SUCCESS", "SUCCEEDED"], ["CLOSED", "CLOSED"], ["CHANGE", "FAILED"]] as const)(
    "takes the channel's %s as final from one sync that is bound to its request",
    async (state, status) => {
      const { daxpay, sync, endpoints } = start();
      daxpay.addRefund({ refundNo: "R1", state });
      expect(await sync("R1")).toMatchObject({ status, final: true, binding: "REQUEST", nextSyncDelayMs: undefined });
      expect(endpoints()).toEqual(["sync"]);
    },
  );

  test.each(["init", "progress"] as const)("takes %s as in progress", async (status) => {
    const { daxpay, sync } = start();
    daxpay.addRefund({ refundNo: "R1", status, state: "PROCESSING" });
    expect(await sync("R1")).toMatchObject({ status: "IN_PROGRESS", daxpayStatus: status, final: false });
  });

  test("syncs a closed refund again, which credits nothing a second time", async () => {
    const { daxpay, sync, endpoints } = start();
    daxpay.addRefund({ refundNo: "R1", state: "CLOSED" });
    for (let call = 0; call < 3; call++) expect(await sync("R1")).toMatchObject({ status: "CLOSED", final: true });
    expect(endpoints()).toEqual(["sync", "sync", "sync"]);
    expect(daxpay.refund("R1")).toMatchObject({ credits: 1 });
  });

  test("syncs again at once after a sync without a reply", async () => {
    const { daxpay, sync, endpoints } = start("auto", 1_000);
    daxpay.addRefund({ refundNo: "R1", state: "SUCCESS" });
    daxpay.setFault("unanswered", { times: 1 });
    expect(await sync("R1")).toMatchObject({ reason: "UPSTREAM_TIMEOUT", delivery: "IN_DOUBT", step: "SYNC" });
    expect(await sync("R1")).toMatchObject({ status: "SUCCEEDED", final: true });
    expect(endpoints()).toEqual(["sync", "sync"]);
  });

  test("retries while another settlement holds the lock", async () => {
    const { sync, endpoints } = start();
    expect(await sync("R-LOCKED-1", 10_000)).toMatchObject({ status: "SUCCEEDED" });
    expect(endpoints()).toEqual(["sync", "sync"]);
  });

  test("returns REFUND_NOT_FOUND for an unknown refund", async () => {
    const { sync } = start();
    expect(await sync("R-NONE")).toMatchObject({ reason: "REFUND_NOT_FOUND", step: "SYNC", delivery: "ANSWERED" });
  });
});

test("createSyncer() on 4.0.0-beta in mode around binds a final state to the refund", async () => {
  const { daxpay, sync, endpoints } = start("around");
  daxpay.addRefund({ refundNo: "R1", state: "SUCCESS", amount: 1234 });
  expect(await sync("R1")).toMatchObject({
    status: "SUCCEEDED",
    final: true,
    binding: "REFUND",
    bizRefundNo: "B-R1",
    orderNo: "P-R1",
    amountFen: 1234n,
  });
  expect(endpoints()).toEqual(["query", "sync", "query"]);
});

test("createSyncer() on 4.0.0-beta in mode only sends no sync", async () => {
  const { daxpay, sync, endpoints } = start("only");
  daxpay.addRefund({ refundNo: "R1", state: "SUCCESS" });
  expect(await sync("R1")).toMatchObject({ status: "IN_PROGRESS", binding: "REFUND" });
  expect(endpoints()).toEqual(["query"]);
});
