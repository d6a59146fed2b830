import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ReleaseName } from "../../src/sandbox/release.ts";
import { failureOf } from "../../src/client.ts";
import { REFUNDS } from "../../src/sandbox/refunds.ts";
import { errorOf, type FailureOutcome, outcomeOf, type StateOutcome } from "../support/outcome.ts";
import { acceleratedClock, type Service, startService } from "../support/service.ts";

type Expected = Partial<StateOutcome & FailureOutcome>;

/** The releases that syncs alone, those of 2.x with a query, those of 3.x, and v4. */
const RELEASES = {
  syncOnly: ["documented", "2.0.6"],
  v2: ["2.0.7", "2.0.8"],
  v3: ["3.0.0-beta4", "3.0.0"],
  v4: ["4.0.0-beta"],
} as const satisfies Record<string, readonly ReleaseName[]>;
type Group = keyof typeof RELEASES;

/** A state from the sync's own reply, which names no refund. */
const unbound = (status: string, daxpayStatus: string): Expected => ({
  status,
  daxpayStatus,
  final: false,
  binding: "SECRET_ONLY",
});
/** A final state, from a reply that names the refund wherever the release has a query. */
const final = (status: string, daxpayStatus: string, binding = "REFUND"): Expected => ({
  status,
  daxpayStatus,
  final: true,
  binding,
});
/** A state from a sync's reply that repeats the request's identifier. */
const requested = (status: string, daxpayStatus: string, isFinal = false): Expected => ({
  status,
  daxpayStatus,
  final: isFinal,
  binding: "REQUEST",
});
/** A failure of the sync, which DaxPay answered. */
const failed = (code: string, reason: string, more: Expected = {}): Expected => ({
  code,
  reason,
  delivery: "ANSWERED",
  step: "SYNC",
  retryDelayMs: undefined,
  ...more,
});

const channelFailed = failed("unavailable", "CHANNEL_FAILED", { retryDelayMs: 60_000 });
const locked = failed("aborted", "SYNC_IN_PROGRESS", { retryDelayMs: 1_000 });
const notConfigured = failed("failed_precondition", "NOT_CONFIGURED");
const upstreamError = failed("unavailable", "UPSTREAM_ERROR", { retryDelayMs: 5_000 });
const notFound = failed("not_found", "REFUND_NOT_FOUND");
const malformed = failed("data_loss", "REPLY_MALFORMED");
const unverified = failed("data_loss", "REPLY_UNVERIFIED");
const mismatched = failed("data_loss", "REPLY_MISMATCHED");
const interrupted = failed("unavailable", "REPLY_INTERRUPTED", { delivery: "IN_DOUBT", retryDelayMs: 5_000 });
const timedOut = failed("deadline_exceeded", "UPSTREAM_TIMEOUT", { delivery: "IN_DOUBT", retryDelayMs: 5_000 });
const unknownCode = failed("unknown", "UNKNOWN_DAXPAY_CODE");
const clockSkew = failed("failed_precondition", "CLOCK_SKEW");
const signatureRejected = failed("failed_precondition", "SIGNATURE_REJECTED");
const invalidRequest = failed("invalid_argument", "INVALID_REQUEST");

/** The query fails before anything is synced. */
const atQuery = (expected: Expected): Expected => ({ ...expected, delivery: "NOT_SENT", step: "QUERY" });
const everywhere = (expected: Expected) => ({ syncOnly: expected, v2: expected, v3: expected, v4: expected });
const byGeneration = (v2: Expected, v3: Expected, v4: Expected) => ({ syncOnly: v2, v2, v3, v4 });

const succeeds = {
  syncOnly: final("SUCCEEDED", "refund_success", "SECRET_ONLY"),
  v2: final("SUCCEEDED", "success"),
  v3: final("SUCCEEDED", "success"),
  v4: requested("SUCCEEDED", "success", true),
};
const fails = unbound("FAILED", "fail");
const progresses = requested("IN_PROGRESS", "progress");
const closes = requested("CLOSED", "close", true);
const inProgress = byGeneration(
  unbound("IN_PROGRESS", "refund_progress"),
  unbound("IN_PROGRESS", "progress"),
  progresses,
);
const inProgressOrFails = byGeneration(unbound("IN_PROGRESS", "refund_progress"), fails, progresses);
const notFoundAtChannel = byGeneration(unbound("NOT_FOUND_AT_CHANNEL", "pay_not_found"), fails, progresses);
const channelFails = byGeneration(channelFailed, fails, progresses);
const unknown = { syncOnly: notFound, v2: atQuery(notFound), v3: atQuery(notFound), v4: notFound };

/** The first call's outcome for each refund of the sandbox, and for one that it does not have. */
const OUTCOMES: Readonly<Record<string, Readonly<Record<Group, Expected>>>> = {
  DEVR24051020531763000004: notFoundAtChannel,
  "R-SUCCEEDS": succeeds,
  "R-WAITS-1": inProgress,
  "R-WAITS-3": inProgress,
  "R-WAITS": inProgress,
  "R-WAITS-FAILS": inProgress,
  "R-WAITS-CLOSES": inProgress,
  "R-FAILS": channelFails,
  "R-CLOSED": {
    syncOnly: final("CLOSED", "close", "SECRET_ONLY"),
    v2: final("CLOSED", "close"),
    v3: final("CLOSED", "close"),
    v4: closes,
  },
  "R-ABNORMAL": byGeneration(channelFailed, final("CLOSED", "close"), requested("FAILED", "fail", true)),
  "R-INIT": { ...succeeds, v4: requested("IN_PROGRESS", "init") },
  "R-LOST": notFoundAtChannel,
  "R-ALIPAY-LOST": channelFails,
  "R-UNKNOWN": unknown,
  "NO-SUCH-NUMBER": unknown,
  "R-ALIPAY-UNFINISHED": channelFails,
  "R-FAILED-THEN-PROCESSING": inProgressOrFails,
  "R-SOFT-FAILS": inProgressOrFails,
  "R-NETWORK": inProgressOrFails,
  "R-ALIPAY-NETWORK": channelFails,
  "R-CHANNEL-ERROR": channelFails,
  "R-SPEECHLESS": channelFails,
  "R-UNPARSABLE": byGeneration(channelFailed, upstreamError, progresses),
  "R-LOCKED-1": succeeds,
  "R-LOCKED-3": succeeds,
  "R-LOCKED": everywhere(locked),
  "R-YOUNG": { ...succeeds, v3: { ...channelFailed, retryDelayMs: 10_000 } },
  "R-UNSUPPORTED": everywhere(notConfigured),
  "R-CHANNEL-MISSING": everywhere(notConfigured),
  "R-CHANNEL-OFF": { ...succeeds, v3: notConfigured, v4: notConfigured },
  "R-INTERFACE-OFF": byGeneration(notConfigured, atQuery(notConfigured), succeeds.v4),
  "R-NULL-POINTER": everywhere(upstreamError),
  "R-EXCEPTION": everywhere(upstreamError),
  "R-CONTRADICTS": succeeds,
  "R-REVIVES": byGeneration(channelFailed, final("CLOSED", "close"), closes),
  "FAULT-SLOW": everywhere(timedOut),
  "FAULT-HANG": everywhere(timedOut),
  "FAULT-RESET": everywhere(interrupted),
  "FAULT-CUT": everywhere({ ...interrupted, delivery: "ANSWERED" }),
  "FAULT-LOST": everywhere(interrupted),
  "FAULT-UNANSWERED": everywhere(timedOut),
  "FAULT-HTTP-500": everywhere(upstreamError),
  "FAULT-HTTP-429": everywhere({ ...upstreamError, retryDelayMs: 7_000 }),
  "FAULT-HTML-200": everywhere(malformed),
  "FAULT-REDIRECT": everywhere(malformed),
  "FAULT-NOT-JSON": everywhere(malformed),
  "FAULT-WRONG-TYPES": everywhere(malformed),
  "FAULT-PAGE-FAILURE": everywhere(unverified),
  "FAULT-EMPTY": everywhere(malformed),
  "FAULT-NO-CODE": everywhere(malformed),
  "FAULT-DUPLICATE-KEYS": everywhere(malformed),
  "FAULT-OVERSIZED": everywhere(malformed),
  "FAULT-WRONG-SIGN": everywhere(unverified),
  "FAULT-NO-SIGN": everywhere(unverified),
  "FAULT-PREVIOUS-KEY": everywhere(unverified),
  "FAULT-FOREIGN": everywhere(mismatched),
  // Other releases have no request id, and nothing to reshape on 2.x.
  "FAULT-OTHER-REQUEST": { ...succeeds, v4: mismatched },
  "FAULT-RESHAPED": { ...succeeds, v3: unverified, v4: unverified },
  "FAULT-STALE": everywhere(mismatched),
  "FAULT-UNKNOWN-STATUS": {
    ...everywhere(unbound("UNKNOWN", "refund_reversed")),
    v4: requested("UNKNOWN", "refund_reversed"),
  },
  "FAULT-UNKNOWN-CODE": everywhere(unknownCode),
  "FAULT-STRING-CODE": everywhere(notFound),
  "FAULT-HOSTILE-TEXT": everywhere(channelFailed),
};

/** What a fault of the query does, whatever the sync would return. Timeouts and broken connections are retried before. */
const QUERY_FAULTS = {
  hang: timedOut,
  reset: interrupted,
  cut: interrupted,
  "http-500": upstreamError,
  "html-200": malformed,
  redirect: malformed,
  "not-json": malformed,
  "duplicate-keys": malformed,
  oversized: malformed,
  "wrong-sign": unverified,
  "no-sign": unverified,
  "previous-key": unverified,
  foreign: mismatched,
  stale: mismatched,
  "unknown-code": unknownCode,
  "hostile-text": channelFailed,
} as const;

/** Envelope codes of a sync and their texts, which are not signed. */
const CODES: readonly (readonly [code: number, text: string, expected: Expected])[] = [
  [1, "没有对应请求路径的权限", notConfigured],
  [1, "什么", unknownCode],
  [10001, "系统错误", upstreamError],
  [10005, "JSON parse error: x", invalidRequest],
  [10006, "验证参数错误\n退款号不可超过100位\n", invalidRequest],
  [10006, "验证参数错误\n请求已过期，请重新发送！", clockSkew],
  [10006, "验证参数错误\n未获取到签名方式，请检查", notConfigured],
  [10007, "重复操作", locked],
  [10506, "验证参数错误\n请求时间晚于服务器接收到的时间，请检查", clockSkew],
  [10506, "验证参数错误\n商户号和应用号不匹配", notConfigured],
  [10010, "未找到接口信息", notConfigured],
  [10401, "用户未登录", notConfigured],
  [10404, "页面或资源不存在", notConfigured],
  [10405, "数据不存在", notConfigured],
  [10500, "系统错误", upstreamError],
  [10505, "x", invalidRequest],
  [20000, "未通过签名验证", signatureRejected],
  [20000, "该接口权限未开放", notConfigured],
  [20000, "签名方式错误", notConfigured],
  [20000, "什么", unknownCode],
  [20011, "x", notConfigured],
  [20023, "商户应用未启用", notConfigured],
  [20030, "不支持的能力", notConfigured],
  [20031, "x", unknownCode],
  // Only a signed reply may say so: its caller could refund again.
  [20041, "未查询到退款订单", unverified],
  [20045, "x", channelFailed],
  [20052, "验签失败", signatureRejected],
  [20080, "间隔10秒以上再发起退款查询请求", { ...channelFailed, retryDelayMs: 10_000 }],
  [20081, "操作处理中", locked],
  [30000, "未知异常", upstreamError],
  [28106, "不支持的支付方式", notConfigured],
  [-1, "未知异常", unknownCode],
];

/** Texts of 2.x's signed `data` with code 1. */
const DATA_TEXTS: readonly (readonly [text: string, expected: Expected])[] = [
  ["未查询到退款订单", notFound],
  ["当前订单不存在", notFound],
  ["该接口权限未开放", notConfigured],
  ["不存在的支付通道", notConfigured],
  ["不支持的能力", notConfigured],
  ["支付订单不存在", notConfigured],
  ["未查询到退款订单。", channelFailed],
  ["支付宝网关退款未成功", channelFailed],
];

/** Those that wait for a timeout or for DaxPay's lock. */
const SLOW = ["FAULT-SLOW", "FAULT-HANG", "FAULT-UNANSWERED", "R-LOCKED", "R-LOCKED-3"];

/** For the test's name. */
const named = ({ code, reason, status }: Expected) => code ? `${code} ${reason}` : `${status}`;

/** The timeout leaves time for DaxPay's wait for a lock, 200 ms. */
async function start(release: ReleaseName, variables: Readonly<Record<string, string>> = {}): Promise<Service> {
  return await startService({
    sandbox: { release },
    variables: { DAXPAY_TIMEOUT_MS: "700", ...variables },
    dependencies: acceleratedClock(200),
  });
}

test("the table of outcomes has every refund of the sandbox", () => {
  const names = REFUNDS.map(({ refundNo }) => refundNo);
  expect(Object.keys(OUTCOMES).toSorted()).toEqual([...names, "NO-SUCH-NUMBER"].toSorted());
});

describe.each(
  Object.entries(RELEASES).flatMap(([group, names]) => names.map((release) => ({ release, group: group as Group }))),
)("syncRefund() of a refund of the sandbox:", ({ release, group }) => {
  let service: Service;
  beforeAll(async () => void (service = await start(release)));
  afterAll(() => service[Symbol.asyncDispose]());

  // HTTP 429 holds up all other requests.
  const rows = Object.entries(OUTCOMES).filter(([refundNo]) => refundNo !== "FAULT-HTTP-429")
    .map(([refundNo, expected]) => ({ refundNo, expected: expected[group], name: named(expected[group]) }));
  test.each(rows.filter(({ refundNo }) => !SLOW.includes(refundNo)))(
    `$refundNo on ${release} → $name`,
    async ({ refundNo, expected }) => {
      expect(await outcomeOf(service.client.syncRefund({ refundNo }))).toMatchObject(expected);
    },
  );
  test.concurrent.each(rows.filter(({ refundNo }) => SLOW.includes(refundNo)))(
    `$refundNo on ${release} → $name`,
    async ({ refundNo, expected }) => {
      expect(await outcomeOf(service.client.syncRefund({ refundNo }))).toMatchObject(expected);
    },
  );

  test(`FAULT-HTTP-429 on ${release} → unavailable UPSTREAM_ERROR after the delay that it asks for`, async () => {
    await using service = await start(release);
    const call = service.client.syncRefund({ refundNo: "FAULT-HTTP-429" });
    expect(await outcomeOf(call)).toMatchObject(OUTCOMES["FAULT-HTTP-429"][group]);
  });
});

describe.each(["2.0.8", "3.0.0"] as const)("syncRefund() with a query that fails:", (release) => {
  let service: Service;
  beforeAll(async () => void (service = await start(release)));
  afterAll(() => service[Symbol.asyncDispose]());

  const rows = Object.entries(QUERY_FAULTS).map(([fault, expected]) => ({
    fault: fault as keyof typeof QUERY_FAULTS,
    expected: atQuery(expected),
    name: named(expected),
  }));
  test.each(rows)(`$fault on ${release} → $name NOT_SENT`, async ({ fault, expected }) => {
    const { client, sandbox } = service;
    sandbox.reset();
    sandbox.setFault(fault, { endpoint: "query" });
    expect(await outcomeOf(client.syncRefund({ refundNo: `LOAD-${fault}` }))).toMatchObject(expected);
    expect(sandbox.requests.filter(({ endpoint }) => endpoint === "sync")).toEqual([]);
  });
});

describe("syncRefund() by DaxPay's code:", () => {
  let service: Service;
  beforeAll(async () => void (service = await start("2.0.8")));
  afterAll(() => service[Symbol.asyncDispose]());

  const rows = CODES.map(([code, text, expected], index) => {
    // In progress to every query, since a held lock is retried.
    return { refundNo: `WAIT9-${index}`, code, text, expected, name: named(expected) };
  });
  test.each(rows)("$code $text → $name", async ({ refundNo, code, text, expected }) => {
    service.sandbox.setFault("unknown-code", { refundNo, endpoint: "sync", code, text });
    expect(await outcomeOf(service.client.syncRefund({ refundNo }))).toMatchObject(expected);
  });

  const texts = DATA_TEXTS.map(([text, expected]) => ({ text, expected, name: named(expected) }));
  test.each(texts)("signed 1 $text → $name", async ({ text, expected }) => {
    const refundNo = `LOAD-${text}`;
    service.sandbox.setFault("hostile-text", { refundNo, endpoint: "sync", text });
    expect(await outcomeOf(service.client.syncRefund({ refundNo }))).toMatchObject(expected);
  });
});

describe("syncRefund() with another release configured than DaxPay's:", () => {
  test.each(
    [
      ["2.0.6", "2.0.8", "/unipay/syncRefund, which answers with HTTP 500", notConfigured],
      ["2.0.6", "3.0.0-beta4", "a path that needs a login", notConfigured],
      ["2.0.6", "3.0.0", "a path that needs a login", notConfigured],
      ["3.0.0", "2.0.6", "the query's path, which answers with HTTP 500", atQuery(notConfigured)],
    ] as const,
  )("%s in front of %s calls %s → failed_precondition NOT_CONFIGURED", async (configured, actual, _what, expected) => {
    await using service = await start(actual, { DAXPAY_RELEASE: configured });
    expect(await outcomeOf(service.client.syncRefund({ refundNo: "R-SUCCEEDS" }))).toMatchObject(expected);
  });
});

describe("SyncFailure", () => {
  test.each(["2.0.8", "3.0.0"] as const)("holds nothing of an exception of DaxPay %s", async (release) => {
    await using service = await start(release);
    const text = "Redis command timed out; nested exception is io.lettuce.core.RedisCommandTimeoutException";
    service.sandbox.setFault("unknown-code", { endpoint: "sync", code: 10001, text });
    const failure = failureOf(await errorOf(service.client.syncRefund({ refundNo: "LOAD-1" })));
    expect(failure).toMatchObject({ daxpayCode: 10001, daxpayMessage: "" });
    expect(failure?.message).not.toContain("lettuce");
  });

  test("holds hostile text of DaxPay well-formed and at most 500 characters of it", async () => {
    await using service = await start("2.0.8");
    const error = await errorOf(service.client.syncRefund({ refundNo: "FAULT-HOSTILE-TEXT" }));
    const text = failureOf(error)?.daxpayMessage ?? "";
    expect([...text]).toHaveLength(500);
    expect(text).toMatch(/^<img src=x onerror=alert\(1\)>/);
    expect(text.isWellFormed()).toBe(true);
  });

  test("of CLOCK_SKEW says how far the clocks are apart", async () => {
    await using service = await startService({
      sandbox: { release: "2.0.8", now: () => Date.now() + 20_000 },
    });
    expect(failureOf(await errorOf(service.client.syncRefund({ refundNo: "R-SUCCEEDS" })))?.message).toMatch(
      /this service's clock is about (19|20|21) s behind DaxPay's$/,
    );
  });
});
