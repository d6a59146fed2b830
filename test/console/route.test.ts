import { describe, expect, test } from "vitest";
import { hashOf, type Route, routeFrom } from "../../src/console/route.ts";

describe("routeFrom()", () => {
  test.each<[string, Route]>([
    ["#/", { view: "sync", refundRef: undefined }],
    ["#/watch", { view: "watch", refundRef: undefined }],
    ["#/batch", { view: "batch" }],
    ["#/refund/R00123", { view: "sync", refundRef: { kind: "refundNo", number: "R00123" } }],
    ["#/refund/biz/B%2F1", { view: "sync", refundRef: { kind: "bizRefundNo", number: "B/1" } }],
    ["#/refund/biz", { view: "sync", refundRef: { kind: "refundNo", number: "biz" } }],
    ["#/watch/R1", { view: "watch", refundRef: { kind: "refundNo", number: "R1" } }],
    ["#/watch/biz/%E9%80%80", { view: "watch", refundRef: { kind: "bizRefundNo", number: "退" } }],
  ])("parses %s as hashOf() formats it", (hash, route) => {
    expect(routeFrom(hash)).toEqual(route);
    expect(hashOf(route)).toBe(hash);
  });

  test.each(["", "#", "#nonsense", "#/refund/", "#/refund"])("parses %j as the empty sync view", (hash) => {
    expect(routeFrom(hash)).toEqual({ view: "sync", refundRef: undefined });
  });

  test("takes a bare percent sign literally", () => {
    expect(routeFrom("#/refund/50%")).toEqual({ view: "sync", refundRef: { kind: "refundNo", number: "50%" } });
  });
});
