import { describe, expect, test } from "vitest";
import { createRefundMemory } from "../../src/refund/memory.ts";
import type { RefundState, Status } from "../../src/refund/state.ts";

const stateOf = (status: Status): RefundState => ({
  refundNo: "R1",
  bizRefundNo: "B1",
  status,
  daxpayStatus: status.toLowerCase(),
  repliedAt: 0,
  daxpayTraceId: "t",
  final: false,
  nextSyncDelayMs: 10_000,
  binding: "REFUND",
  orderNo: undefined,
  channel: undefined,
  amountFen: undefined,
  finishedAt: undefined,
  errorMessage: undefined,
  unchangedSince: undefined,
});

function start() {
  let now = 1_000;
  const conflicts: { readonly before: Status; readonly after: Status }[] = [];
  const memory = createRefundMemory(() => now);
  return {
    memory,
    conflicts,
    record: (status: Status, key = "R1") =>
      memory.record(key, stateOf(status), (before, after) => {
        conflicts.push({ before: before.status, after: after.status });
      }),
    wait: (ms: number) => void (now += ms),
  };
}

describe("createRefundMemory().record()", () => {
  test("adds since when the status has not changed", () => {
    const { record, wait } = start();
    expect(record("IN_PROGRESS").unchangedSince).toBeUndefined();
    wait(10_000);
    expect(record("IN_PROGRESS").unchangedSince).toBe(1_000);
    wait(10_000);
    expect(record("IN_PROGRESS").unchangedSince).toBe(1_000);
    expect(record("FAILED").unchangedSince).toBeUndefined();
    wait(10_000);
    expect(record("FAILED").unchangedSince).toBe(21_000);
  });

  test("keeps refunds apart", () => {
    const { record, conflicts } = start();
    record("SUCCEEDED", "R1");
    expect(record("CLOSED", "R2").unchangedSince).toBeUndefined();
    expect(conflicts).toEqual([]);
  });

  test.each<[Status, Status]>([
    ["SUCCEEDED", "CLOSED"],
    ["SUCCEEDED", "FAILED"],
    ["CLOSED", "SUCCEEDED"],
    ["CLOSED", "FAILED"],
    ["CLOSED", "IN_PROGRESS"],
    ["CLOSED", "NOT_FOUND_AT_CHANNEL"],
  ])("reports that %s became %s, once", (before, after) => {
    const { record, conflicts } = start();
    record(before);
    record(after);
    record(after);
    expect(conflicts).toEqual([{ before, after }]);
  });

  test.each<[Status, Status]>([
    ["IN_PROGRESS", "SUCCEEDED"],
    ["FAILED", "SUCCEEDED"],
    ["FAILED", "IN_PROGRESS"],
    ["NOT_FOUND_AT_CHANNEL", "CLOSED"],
    ["UNKNOWN", "CLOSED"],
    ["SUCCEEDED", "SUCCEEDED"],
  ])("reports nothing when %s became %s", (before, after) => {
    const { record, conflicts } = start();
    record(before);
    record(after);
    expect(conflicts).toEqual([]);
  });

  test("reports each change of a refund that was closed once", () => {
    const { record, conflicts } = start();
    for (const status of ["CLOSED", "FAILED", "CLOSED", "FAILED", "SUCCEEDED"] as const) record(status);
    expect(conflicts.map(({ after }) => after)).toEqual(["FAILED", "FAILED", "SUCCEEDED"]);
  });
});

describe("createRefundMemory().isSettled()", () => {
  test.each<[Status, boolean]>([
    ["SUCCEEDED", true],
    ["CLOSED", true],
    ["IN_PROGRESS", false],
    ["FAILED", false],
    ["NOT_FOUND_AT_CHANNEL", false],
    ["UNKNOWN", false],
  ])("after %s is %s, and stays so", (status, expected) => {
    const { memory, record } = start();
    expect(memory.isSettled("R1")).toBe(false);
    record(status);
    record("FAILED");
    expect(memory.isSettled("R1")).toBe(expected);
    expect(memory.isSettled("R2")).toBe(false);
  });

  test("never forgets a closed refund, however many others follow", () => {
    const { memory, record } = start();
    record("CLOSED", "closed");
    record("SUCCEEDED", "succeeded");
    for (let index = 0; index < 250_000; index++) memory.record(`R${index}`, stateOf("SUCCEEDED"), () => {});
    expect(memory.isSettled("closed")).toBe(true);
    // The query still protects this one.
    expect(memory.isSettled("succeeded")).toBe(false);
  });
});
