import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { createFinalStates } from "../../src/console/final-states.ts";
import { RefundSchema, RefundStatus } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import type { RefundInit } from "./scripted.ts";

function outcomeOf(refund: RefundInit) {
  return { case: "refund", value: create(RefundSchema, { refundNo: "R1", ...refund }) } as const;
}

const SUCCEEDED = outcomeOf({ status: RefundStatus.SUCCEEDED, final: true });

describe("createFinalStates().check()", () => {
  test("marks a state that contradicts an earlier final one, every time", () => {
    const states = createFinalStates();
    expect(states.check(SUCCEEDED)).toBe(SUCCEEDED);
    const closed = outcomeOf({ status: RefundStatus.CLOSED, final: true });
    expect(states.check(closed)).toMatchObject({ contradicts: { status: RefundStatus.SUCCEEDED } });
    expect(states.check(closed)).toMatchObject({ contradicts: { status: RefundStatus.SUCCEEDED } });
    expect(states.check(SUCCEEDED)).toBe(SUCCEEDED);
  });

  test.each<[string, RefundInit, RefundInit]>([
    ["the earlier state was not final", { status: RefundStatus.FAILED }, { status: RefundStatus.SUCCEEDED }],
    ["the state is the same", { status: RefundStatus.CLOSED, final: true }, { status: RefundStatus.CLOSED }],
    ["the account is another", { status: RefundStatus.CLOSED, final: true }, {
      status: RefundStatus.SUCCEEDED,
      account: "shop",
    }],
    ["the number is of the other kind", { status: RefundStatus.CLOSED, final: true }, {
      status: RefundStatus.SUCCEEDED,
      refundNo: "",
      bizRefundNo: "R1",
    }],
  ])("marks nothing when %s", (_when, first, second) => {
    const states = createFinalStates();
    states.check(outcomeOf(first));
    expect(states.check(outcomeOf(second))).not.toHaveProperty("contradicts");
  });
});
