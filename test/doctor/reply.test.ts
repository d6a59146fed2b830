import { describe, expect, test } from "vitest";
import type { Cause, StepId } from "../../src/doctor/step.ts";
import type { FaultName } from "../../src/sandbox/fault.ts";
import { type Env, envOf, type Findings, NOW, run, SECRET, withReply, withSandbox } from "./run.ts";

/** Signed with the secret `123456`, from the executed vectors: 2.x, the same with MD5, beta4, 3.0.0. */
const DATA = '"code":1,"msg":"未查询到退款订单","resTime":1715576198';
const HMAC = "db40bd6a5a52138f395fe67db83e00348eec5c4f9a450ac908f7dbaa8099fd72";
const V2 = `{"msg":"success","code":0,"data":{${DATA},"sign":"${HMAC}"},"traceId":"a"}`;
const V3 = (sign: string) =>
  `{"code":0,"msg":"success","data":{"orderStatus":"success","adjust":true},"sign":"${sign}",` +
  '"resTime":"2025-08-26 12:00:01","traceId":"t6h0RaYLoa8E"}';
const BETA4 = V3("029ba3d54cb820c571b22da76e1f959ea55ecaf93402970d0db3b8f3bbb3db35");

const right = { DAXPAY_SIGN_SECRET: "123456" };
const ids = { DAXPAY_APP_ID: "A", DAXPAY_MCH_NO: "M" };

interface Case {
  readonly name: string;
  readonly reply: string;
  readonly release: string;
  readonly env?: Env;
  readonly failed: Findings["failed"];
  readonly says: string;
}

const CASES: readonly Case[] = [
  { name: "its signature is right", reply: V2, release: "2.0.6", failed: {}, says: "verified" },
  {
    name: "it is signed with another algorithm",
    reply: V2,
    release: "2.0.6",
    env: { DAXPAY_SIGN_TYPE: "MD5" },
    failed: { reply: ["WRONG_SIGN_TYPE"] },
    says: "set DAXPAY_SIGN_TYPE=HMAC_SHA256",
  },
  {
    name: "the secret ends in a line break",
    reply: V2,
    release: "2.0.6",
    env: { DAXPAY_SIGN_SECRET: "123456\n" },
    failed: { reply: ["SECRET_ENDS_IN_LINE_BREAK"] },
    says: "line break",
  },
  {
    name: "the secret is the previous one, which the service accepts",
    reply: V2,
    release: "2.0.6",
    env: { DAXPAY_SIGN_SECRET: "brand-new", DAXPAY_SIGN_SECRET_PREVIOUS: "123456" },
    failed: {},
    says: "verified",
  },
  {
    name: "the secret is wrong",
    reply: V2,
    release: "2.0.6",
    env: { DAXPAY_SIGN_SECRET: SECRET },
    failed: { reply: ["WRONG_SECRET"] },
    says: "DAXPAY_SIGN_SECRET_PREVIOUS",
  },
  {
    name: "it is signed by another release",
    reply: V2,
    release: "3.0.0",
    env: ids,
    failed: { reply: ["WRONG_RELEASE"] },
    says: "as 2.0.6, 2.0.7, 2.0.8 does",
  },
  {
    name: "only upper-casing differs",
    reply: BETA4,
    release: "3.0.0",
    env: ids,
    failed: { reply: ["WRONG_RELEASE"] },
    says: "as 3.0.0-beta4 does",
  },
  {
    name: "a member was added on the way",
    reply: V2.replace('"resTime"', '"gateway":"kong","resTime"'),
    release: "2.0.6",
    failed: { reply: ["REPLY_UNREADABLE"] },
    says: '"gateway" was added',
  },
  {
    name: "it proves a state of a refund that does not exist",
    reply: BETA4,
    release: "3.0.0-beta4",
    env: ids,
    failed: { reply: ["REPLY_IMPLAUSIBLE"] },
    says: '"success"',
  },
  {
    name: "it is the answer of another interface that does not check signatures",
    reply:
      '{"msg":"success","code":0,"data":{"code":1,"msg":"当前订单状态[退款中]不允许发起退款操作","resTime":1715345296,' +
      '"sign":"2bcc5ac7902379d65dc9901186cd81a2833835a30d5a59b3b1860df82f012557"}}',
    release: "documented",
    failed: { reply: ["REPLY_IMPLAUSIBLE"] },
    says: "is the sync of payments",
  },
  {
    name: "it is 2.0.5's, which cannot sign",
    reply: '{"msg":"未查询到退款订单","code":20000,"data":null,"traceId":"a"}',
    release: "2.0.6",
    failed: { reply: ["REPLY_UNSIGNED"] },
    says: "upgrade DaxPay",
  },
  {
    name: "3.x's unknown refund is not signed",
    reply: '{"msg":"未查询到退款订单","code":20041,"data":null,"traceId":"a"}',
    release: "3.0.0",
    env: ids,
    failed: { reply: ["REPLY_UNSIGNED"] },
    says: "not signed",
  },
  {
    name: "a member stands in it twice",
    reply: V2.replace('"resTime"', '"code":0,"resTime"'),
    release: "2.0.6",
    failed: { path: ["NOT_DAXPAY"] },
    says: "The reply is not DaxPay's",
  },
];

describe("doctor checks a reply of which", () => {
  test.each(CASES)("$name", async ({ reply, release, env, failed, says }) => {
    const now = reply.includes("2025-08-26")
      ? Date.parse("2025-08-26T12:00:01+08:00")
      : Number(/"resTime":(\d+)/.exec(reply)?.[1] ?? 1715576198) * 1000;
    const headers = { date: new Date(now).toUTCString() };
    await withReply(new Response(reply, { headers }), async (url) => {
      const result = await run(envOf(url, release, { ...right, ...env }), { now });
      expect(result.findings.failed).toEqual(failed);
      expect(result.text).toContain(says);
      expect(result.exitCode).toBe(Object.keys(failed).length === 0 ? 0 : 1);
    });
  });
});

const NOT_REACHED: readonly StepId[] = ["signature", "reply", "query", "requestAge"];

test.each<[FaultName, StepId, Cause, readonly StepId[]]>([
  ["wrong-sign", "reply", "WRONG_SECRET", ["query", "requestAge"]],
  ["no-sign", "reply", "REPLY_UNSIGNED", ["query", "requestAge"]],
  ["previous-key", "reply", "WRONG_SECRET", ["query", "requestAge"]],
  ["http-429", "path", "DAXPAY_ERROR", NOT_REACHED],
  ["html-200", "path", "NOT_DAXPAY", NOT_REACHED],
  ["http-500", "path", "NOT_DAXPAY", NOT_REACHED],
  ["redirect", "path", "REDIRECTED", NOT_REACHED],
  ["empty", "path", "NOT_DAXPAY", NOT_REACHED],
])("doctor names the fault %s", async (fault, id, cause, skipped) => {
  await withSandbox({ release: "2.0.8" }, async (url, sandbox) => {
    sandbox.setFault(fault);
    const { findings } = await run(envOf(url, "2.0.8"));
    expect(findings).toEqual({ failed: { [id]: [cause] }, warnings: {}, skipped });
  });
});

test.each<[string, number, string, StepId, Cause]>([
  ["2.x's login filter", 200, '{"code":1,"msg":"没有对应请求路径的权限"}', "path", "PATH_NOT_SERVED"],
  ["beta4's login filter", 200, '{"code":1,"msg":"未登录或不拥有改请求路径的请求权限"}', "path", "PATH_NOT_SERVED"],
  ["3.0.0's login filter", 401, '{"code":10401,"msg":"用户未登录"}', "path", "PATH_NOT_SERVED"],
  ["3.0.0's router", 200, '{"code":10404,"msg":"页面或资源不存在"}', "path", "PATH_NOT_SERVED"],
  ["a proxy without such a path", 404, "<html></html>", "path", "NOT_DAXPAY"],
  ["a list", 200, "[]", "path", "NOT_DAXPAY"],
  ["a proxy without DaxPay", 502, "<html></html>", "path", "DAXPAY_ERROR"],
  ["an unknown code", 200, '{"code":47011,"msg":"?"}', "path", "DAXPAY_ERROR"],
  ["an interface that is off", 200, '{"code":20000,"msg":"该接口权限未开放"}', "signature", "NOT_ENABLED"],
  ["no sign type", 200, '{"code":20000,"msg":"签名方式错误"}', "signature", "NOT_ENABLED"],
  ["a rejected member", 200, '{"code":10005,"msg":"JSON parse error"}', "signature", "REQUEST_REJECTED"],
])("doctor classifies the reply of %s", async (_, status, body, id, cause) => {
  const headers = { date: new Date(NOW).toUTCString() };
  await withReply(new Response(body, { status, headers }), async (url) => {
    const { findings } = await run(envOf(url, "2.0.8"));
    expect(findings).toMatchObject({ failed: { [id]: [cause] }, warnings: {} });
  });
});

test("doctor quotes a text without terminal escapes, signatures and the secret", async () => {
  const text = `\u001b[2J\u202e ${"0123456789abcdef".repeat(4)} ${SECRET.toUpperCase()}`;
  await withReply(Response.json({ code: 30000, msg: text }), async (url) => {
    const { text: output } = await run(envOf(url, "2.0.8"));
    expect(output).toContain('code 30000 "[2J … [redacted]"');
  });
});
