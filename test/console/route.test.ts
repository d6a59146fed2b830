import { describe, expect, test } from "vitest";
import { hashOf, type Route, routeFrom } from "../../src/console/route.ts";

describe("routes", () => {
  test.each<[string, Route]>([
    ["#/", { view: "sync", named: undefined }],
    ["#/watch", { view: "watch", named: undefined }],
    ["#/batch", { view: "batch" }],
    ["#/refund/R00123", { view: "sync", named: { kind: "refundNo", number: "R00123" } }],
    ["#/refund/biz/B%2F1", { view: "sync", named: { kind: "bizRefundNo", number: "B/1" } }],
    ["#/refund/biz", { view: "sync", named: { kind: "refundNo", number: "biz" } }],
    ["#/watch/R1", { view: "watch", named: { kind: "refundNo", number: "R1" } }],
    ["#/watch/biz/%E9%80%80", { view: "watch", named: { kind: "bizRefundNo", number: "退" } }],
  ])("%s is read and written alike", (hash, route) => {
    expect(routeFrom(hash)).toEqual(route);
    expect(hashOf(route)).toBe(hash);
  });

  test.each(["", "#", "#nonsense", "#/refund/", "#/refund"])("%j is the start", (hash) => {
    expect(routeFrom(hash)).toEqual({ view: "sync", named: undefined });
  });

  test("a bare percent sign stands for itself", () => {
    expect(routeFrom("#/refund/50%")).toEqual({ view: "sync", named: { kind: "refundNo", number: "50%" } });
  });
});
