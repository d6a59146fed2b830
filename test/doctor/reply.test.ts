import { describe, expect, test } from "vitest";
import type { FaultName } from "../../src/sandbox/fault.ts";
import { type Env, envOf, marks, NOW, run, SECRET, withSandbox } from "./run.ts";

/** Answers every request alike, as a DaxPay does that does not check signatures. */
async function withReply(reply: Response, use: (url: string) => Promise<void>): Promise<void> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => reply.clone());
  try {
    await use(`http://127.0.0.1:${server.addr.port}`);
  } finally {
    await server.shutdown();
  }
}

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
  readonly causes: readonly string[];
  readonly says: string;
}

const CASES: readonly Case[] = [
  { name: "its signature is right", reply: V2, release: "2.0.6", causes: [], says: "verified" },
  {
    name: "it is signed with another algorithm",
    reply: V2,
    release: "2.0.6",
    env: { DAXPAY_SIGN_TYPE: "MD5" },
    causes: ["reply: WRONG_SIGN_TYPE"],
    says: "set DAXPAY_SIGN_TYPE=HMAC_SHA256",
  },
  {
    name: "the secret ends in a line break",
    reply: V2,
    release: "2.0.6",
    env: { DAXPAY_SIGN_SECRET: "123456\n" },
    causes: ["reply: SECRET_ENDS_IN_LINE_BREAK"],
    says: "line break",
  },
  {
    name: "the secret is the previous one, which the service accepts",
    reply: V2,
    release: "2.0.6",
    env: { DAXPAY_SIGN_SECRET: "brand-new", DAXPAY_SIGN_SECRET_PREVIOUS: "123456" },
    causes: [],
    says: "verified",
  },
  {
    name: "the secret is wrong",
    reply: V2,
    release: "2.0.6",
    env: { DAXPAY_SIGN_SECRET: SECRET },
    causes: ["reply: WRONG_SECRET"],
    says: "DAXPAY_SIGN_SECRET_PREVIOUS",
  },
  {
    name: "it is signed by another release",
    reply: V2,
    release: "3.0.0",
    env: ids,
    causes: ["reply: WRONG_RELEASE"],
    says: "as 2.0.6, 2.0.7, 2.0.8 does",
  },
  {
    name: "only upper-casing differs",
    reply: BETA4,
    release: "3.0.0",
    env: ids,
    causes: ["reply: WRONG_RELEASE"],
    says: "as 3.0.0-beta4 does",
  },
  {
    name: "a member was added on the way",
    reply: V2.replace('"resTime"', '"gateway":"kong","resTime"'),
    release: "2.0.6",
    causes: ["reply: REPLY_UNREADABLE"],
    says: 'Something added "gateway"',
  },
  {
    name: "it proves a state of a refund that does not exist",
    reply: BETA4,
    release: "3.0.0-beta4",
    env: ids,
    causes: ["reply: REPLY_IMPLAUSIBLE"],
    says: '"success"',
  },
  {
    name: "it is the answer of another interface that does not check signatures",
    reply:
      '{"msg":"success","code":0,"data":{"code":1,"msg":"当前订单状态[退款中]不允许发起退款操作","resTime":1715345296,' +
      '"sign":"2bcc5ac7902379d65dc9901186cd81a2833835a30d5a59b3b1860df82f012557"}}',
    release: "documented",
    causes: ["reply: REPLY_IMPLAUSIBLE"],
    says: "is the sync of payments",
  },
  {
    name: "it is 2.0.5's, which cannot sign",
    reply: '{"msg":"未查询到退款订单","code":20000,"data":null,"traceId":"a"}',
    release: "2.0.6",
    causes: ["reply: REPLY_UNSIGNED"],
    says: "upgrade DaxPay",
  },
  {
    name: "3.x's unknown refund is not signed",
    reply: '{"msg":"未查询到退款订单","code":20041,"data":null,"traceId":"a"}',
    release: "3.0.0",
    env: ids,
    causes: ["reply: REPLY_UNSIGNED"],
    says: "not signed",
  },
  {
    name: "a member stands in it twice",
    reply: V2.replace('"resTime"', '"code":0,"resTime"'),
    release: "2.0.6",
    causes: ["path: NOT_DAXPAY"],
    says: "does not talk like DaxPay",
  },
];

describe("doctor examines a reply of which", () => {
  test.each(CASES)("$name", async ({ reply, release, env, causes, says }) => {
    const now = reply.includes("2025-08-26")
      ? Date.parse("2025-08-26T12:00:01+08:00")
      : Number(/"resTime":(\d+)/.exec(reply)?.[1] ?? 1715576198) * 1000;
    const headers = { date: new Date(now).toUTCString() };
    await withReply(new Response(reply, { headers }), async (url) => {
      const told = await run(envOf(url, release, { ...right, ...env }), { now });
      expect(told.causes).toEqual(causes);
      expect(told.page).toContain(says);
      expect(told.exitCode).toBe(causes.length === 0 ? 0 : 1);
    });
  });
});

test.each<[FaultName, string, string]>([
  ["wrong-sign", "✓✓✓✗✓", "reply: WRONG_SECRET"],
  ["no-sign", "✓✓✓✗✓", "reply: REPLY_UNSIGNED"],
  ["previous-key", "✓✓✓✗✓", "reply: WRONG_SECRET"],
  ["http-429", "✓✗–––", "path: DAXPAY_FAULT"],
  ["html-200", "✓✗–––", "path: NOT_DAXPAY"],
  ["http-500", "✓✗–––", "path: NOT_DAXPAY"],
  ["redirect", "✓✗–––", "path: REDIRECTED"],
  ["empty", "✓✗–––", "path: NOT_DAXPAY"],
])("doctor names the fault %s", async (fault, wanted, cause) => {
  await withSandbox({ release: "2.0.8" }, async (url, sandbox) => {
    sandbox.setFault(fault);
    const told = await run(envOf(url, "2.0.8"));
    expect({ marks: marks(told), causes: told.causes }).toEqual({ marks: wanted, causes: [cause] });
  });
});

test.each<[string, number, string, string, string]>([
  ["2.x's login filter", 200, '{"code":1,"msg":"没有对应请求路径的权限"}', "✓✗–––", "path: PATH_NOT_SERVED"],
  [
    "beta4's login filter",
    200,
    '{"code":1,"msg":"未登录或不拥有改请求路径的请求权限"}',
    "✓✗–––",
    "path: PATH_NOT_SERVED",
  ],
  ["3.0.0's login filter", 401, '{"code":10401,"msg":"用户未登录"}', "✓✗–––", "path: PATH_NOT_SERVED"],
  ["3.0.0's router", 200, '{"code":10404,"msg":"页面或资源不存在"}', "✓✗–––", "path: PATH_NOT_SERVED"],
  ["a proxy without such a path", 404, "<html></html>", "✓✗–––", "path: NOT_DAXPAY"],
  ["a list", 200, "[]", "✓✗–––", "path: NOT_DAXPAY"],
  ["a proxy without DaxPay", 502, "<html></html>", "✓✗–––", "path: DAXPAY_FAULT"],
  ["an unknown code", 200, '{"code":47011,"msg":"?"}', "✓✗–––", "path: DAXPAY_FAULT"],
  ["an interface that is off", 200, '{"code":20000,"msg":"该接口权限未开放"}', "✓✓✗–✓", "signature: NOT_ENABLED"],
  ["no sign type", 200, '{"code":20000,"msg":"签名方式错误"}', "✓✓✗–✓", "signature: NOT_ENABLED"],
  ["a refused member", 200, '{"code":10005,"msg":"JSON parse error"}', "✓✓✗–✓", "signature: REQUEST_REFUSED"],
])("doctor understands the answer of %s", async (_, status, body, wanted, cause) => {
  const headers = { date: new Date(NOW).toUTCString() };
  await withReply(new Response(body, { status, headers }), async (url) => {
    const told = await run(envOf(url, "2.0.8"));
    expect({ marks: marks(told), causes: told.causes }).toEqual({ marks: wanted, causes: [cause] });
  });
});

test("doctor shows a foreign text without what a terminal obeys and without signatures", async () => {
  const text = `\u001b[2J\u202e ${"0123456789abcdef".repeat(4)}`;
  await withReply(Response.json({ code: 30000, msg: text }), async (url) => {
    const { page } = await run(envOf(url, "2.0.8"));
    expect(page).toContain('code 30000 "[2J …"');
  });
});

test("doctor sends at most 31 requests, one after the other, about one refund that does not exist", async () => {
  await withSandbox({ release: "2.0.8", secret: "another-secret" }, async (url, sandbox) => {
    await run(
      envOf(url, "2.0.8", {
        DAXPAY_SYNC_PATH: "/unipay/sync/refund",
        DAXPAY_SIGN_SECRET: ` "${SECRET}" \n`,
        DAXPAY_SIGN_SECRET_PREVIOUS: "older",
      }),
    );
    expect(sandbox.requests.length).toBeLessThanOrEqual(2 * 31);
    expect(sandbox.maxConcurrent).toBe(1);
    const numbers = new Set(sandbox.requests.map(({ members }) => String(members?.refundNo)));
    expect(numbers.size).toBe(2);
    for (const number of numbers) expect(number).toMatch(/^DOCTOR-[0-9a-f]{25}$/);
    const signatures = new Set(sandbox.requests.map(({ path, members }) => `${path} ${members?.sign}`));
    expect(signatures.size).toBe(sandbox.requests.length);
  });
});
