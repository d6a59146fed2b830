import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { REASONS } from "../../src/daxpay/failure.ts";
import { failed, report } from "./replies.ts";
import { NOW_4, read4, readQuery4, REQ_ID, signed4, V4, vector } from "./v4.ts";

const other = { reqId: "another-request" };

describe("readReply() of 4.0.0-beta returns", () => {
  const statuses = [
    ["sync-progress", "progress"],
    ["sync-success-adjusted", "success"],
    ["sync-fail-adjusted", "fail"],
    ["sync-close-terminal", "close"],
  ] as const;
  test.each(statuses)("the status of %s, bound to the request", (name, daxpayStatus) => {
    expect(read4(vector(name).body)).toMatchObject({
      kind: "report",
      daxpayStatus,
      binding: "REQUEST",
      refundNo: undefined,
      repliedAt: NOW_4,
      skewMs: 0,
    });
  });

  const failures = [
    ["error-unknown-refund", failed("REFUND_NOT_FOUND", 10405)],
    ["error-unknown-refund-en", failed("REFUND_NOT_FOUND", 10405)],
    ["error-lock-busy", failed("SYNC_IN_PROGRESS", 10506)],
    ["error-no-number", failed("INVALID_REQUEST", 10506)],
    ["error-sign-new-platform", failed("SIGNATURE_REJECTED", 20052)],
    ["old-unsigned-error", failed("SIGNATURE_REJECTED", 20052)],
    ["sync-null-status", failed("REPLY_MALFORMED")],
    ["bad-tampered-status", failed("REPLY_UNVERIFIED")],
    ["bad-stripped-sign", failed("REPLY_UNVERIFIED")],
    ["same-string-other-shape", failed("REPLY_UNVERIFIED")],
    ["same-string-injected", failed("REPLY_UNVERIFIED")],
    // Signed in full, but about no refund.
    ["ping-ok", failed("REPLY_UNVERIFIED")],
    ["edge-nested-and-list", failed("REPLY_MALFORMED")],
    ["edge-order", failed("REPLY_UNVERIFIED")],
    ["edge-nested-sign", failed("REPLY_MALFORMED")],
  ] as const;
  test.each(failures)("a failure for %s", (name, expected) => {
    expect(read4(vector(name).body)).toMatchObject(expected);
  });

  test("for every vector that is a reply", () => {
    const names = V4.vectors.filter(({ kind, name }) => kind === "reply" && !name.startsWith("query-"))
      .map(({ name }) => name);
    expect([...statuses, ...failures].map(([name]) => name).sort()).toEqual(names.sort());
  });
});

describe("readReply() of 4.0.0-beta rejects", () => {
  test.each(["sync-success-adjusted", "error-unknown-refund"])("%s as the reply to another request", (name) => {
    expect(read4(vector(name).body, other)).toMatchObject(failed("REPLY_MISMATCHED"));
  });

  const base = { code: 0, msg: "success", data: { orderStatus: "success", adjust: true }, sign: "" };
  const time = "2026-11-25 18:30:06";
  const string = "code=0&data.adjust=true&data.orderStatus=success&msg=success";
  test("a state without the request's reqId", () => {
    const body = signed4(JSON.stringify({ ...base, resTime: time, reqId: null }), `${string}&resTime=${time}`);
    expect(read4(body)).toMatchObject(failed("REPLY_MISMATCHED"));
  });
  test("an unknown refund without the request's reqId", () => {
    const body = '{"code":10405,"msg":"未查询到退款订单","data":null,"sign":"","resTime":null,"reqId":null}';
    expect(read4(signed4(body, "code=10405&msg=未查询到退款订单"))).toMatchObject(failed("REPLY_MISMATCHED"));
  });
  test("an unknown refund without a signature", () => {
    expect(read4('{"message":"未查询到退款订单","code":10405,"data":null}')).toMatchObject(
      failed("REPLY_UNVERIFIED", 10405),
    );
  });
  test("a code 10405 with another text as an unknown refund", () => {
    const body = `{"code":10405,"msg":"数据不存在","data":null,"sign":"","reqId":"${REQ_ID}"}`;
    expect(read4(signed4(body, `code=10405&msg=数据不存在&reqId=${REQ_ID}`))).toMatchObject(
      failed("NOT_CONFIGURED", 10405),
    );
  });
  test("a state of another time", () => {
    const changes = { now: NOW_4 + 302_000 };
    expect(read4(vector("sync-progress").body, changes)).toMatchObject(failed("REPLY_MISMATCHED"));
  });
  test("a state without a time", () => {
    const body = signed4(JSON.stringify({ ...base, resTime: null, reqId: REQ_ID }), `${string}&reqId=${REQ_ID}`);
    expect(read4(body)).toMatchObject(failed("REPLY_MALFORMED"));
  });

  /** The same string by members of other types. */
  const genuine = vector("sync-success-adjusted").body;
  const types = [
    ["a code that is a string", genuine.replace('"code":0', '"code":"0"')],
    ["adjust as a string", genuine.replace('"adjust":true', '"adjust":"true"')],
    ["a status in a list", genuine.replace('"orderStatus":"success"', '"orderStatus":["success"]')],
    ["a dotted name", genuine.replace('"data":{"orderStatus":"success",', '"data.orderStatus":"success","data":{')],
    ["a name with a separator", genuine.replace('"adjust":true', '"adjust=true&data.orderStatus":"success"')],
    [
      "a status within another text",
      genuine.replace('"orderStatus":"success","adjust":true', '"adjust":"true&data.orderStatus=success"'),
    ],
    [
      "a reqId within another text",
      genuine.replace('"msg":"success"', `"msg":"success&reqId=${REQ_ID}"`).replace(`,"reqId":"${REQ_ID}"`, ""),
    ],
    ["a signature in another spelling", genuine.replace('==","resTime"', '=","resTime"')],
  ] as const;
  test.each(types)("%s", (_name, body) => {
    expect(body).not.toBe(genuine);
    expect(read4(body)).toMatchObject({ kind: "failure" });
    const { failure } = read4(body) as { failure: { reason: string } };
    expect(["REPLY_UNVERIFIED", "REPLY_MALFORMED"]).toContain(failure.reason);
  });
});

describe("readQueryReply() of 4.0.0-beta", () => {
  test.each(["query-success-numbers", "query-success-strings"])("returns the refund that %s names", (name) => {
    expect(readQuery4(vector(name).body)).toMatchObject({
      kind: "report",
      refundNo: "R26112518300500000001",
      bizRefundNo: "BR20261125-0001",
      daxpayStatus: "success",
      binding: "REFUND",
      orderNo: "T26112418000000000001",
      amountFen: 100n,
      finishTime: Date.UTC(2026, 10, 25, 10, 29, 59),
    });
  });
  test("rejects another refund, another request and the reply to a sync", () => {
    const { body } = vector("query-success-numbers");
    const query = { refundNo: "R2", bizRefundNo: "", clientIp: "", nonceStr: "" };
    expect(readQuery4(body, { query })).toMatchObject(failed("REPLY_MISMATCHED"));
    expect(readQuery4(body, other)).toMatchObject(failed("REPLY_MISMATCHED"));
    expect(readQuery4(vector("sync-progress").body)).toMatchObject(failed("REPLY_MISMATCHED"));
  });
});

test("readReply() of 4.0.0-beta takes the trace id from the reply's header where the body has none", () => {
  expect(read4(vector("sync-progress").body, { traceId: "t1" })).toMatchObject({ daxpayTraceId: "t1" });
});

test("readReply() and readQueryReply() of 4.0.0-beta return the signed status or none, whatever is changed", () => {
  const genuine = V4.vectors.filter(({ kind, valid }) => kind === "reply" && valid).map(({ body }) => body);
  const inserted = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("&data.orderStatus=success", '","x":"', '"orderStatus":"success",', '{"a":1},', "null"),
  );
  const mangled = fc.tuple(fc.constantFrom(...genuine), fc.nat(1200), fc.nat(1200), inserted)
    .map(([body, from, to, text]) => [body, body.slice(0, from) + text + body.slice(to)] as const);
  fc.assert(
    fc.property(mangled, fc.constantFrom(read4, readQuery4), ([body, changed], reader) => {
      const reply = reader(changed);
      if (reply.kind === "failure") expect(REASONS).toHaveProperty(reply.failure.reason);
      else expect(reader(body)).toMatchObject(report(reply.daxpayStatus));
    }),
    { numRuns: 3000 },
  );
});
