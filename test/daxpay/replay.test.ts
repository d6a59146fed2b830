import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { createDaxPay } from "../../src/daxpay/client.ts";
import { DaxPayFailure, type Reason } from "../../src/daxpay/failure.ts";
import {
  type Release,
  type ReleaseName,
  RELEASES,
  SIGN_TYPES,
  type SignType,
  signTypesOf,
} from "../../src/daxpay/release.ts";
import type { Algorithm } from "../../src/daxpay/sign.ts";

/**
 * A reply of a real DaxPay server, built from its release's tag, with the secret that signed the request.
 */
interface Recorded {
  readonly situation: string;
  readonly at: string;
  readonly path: string;
  readonly secret: string;
  /** HMAC_SHA256 if unset. */
  readonly algorithm?: Algorithm;
  readonly refundNo?: string;
  readonly bizRefundNo?: string;
  /** 200 if unset. */
  readonly status?: number;
  readonly body: string;
}

type Outcome = Reason | "REPORT";

/** What each reply stands for, by the place and value of its code and by its text. */
const OUTCOMES: readonly (readonly [code: string, text: string | RegExp, Outcome])[] = [
  ["envelope 0", "success", "REPORT"],
  ["envelope 1", "不支持GET请求方法，支持以下POST", "NOT_CONFIGURED"],
  ["envelope 10001", /^(系统错误|数据错误|支付单不存在)$/, "UPSTREAM_ERROR"],
  ["envelope 10001", /PayRepairRecordMapper\.insert|Error updating database|selectOne|BigInteger/, "UPSTREAM_ERROR"],
  ["envelope 10005", /^JSON parse error|^Required request body/, "INVALID_REQUEST"],
  ["envelope 10006", /请求已过期|请求时间晚于/, "CLOCK_SKEW"],
  ["envelope 10006", /未获取到签名方式/, "NOT_CONFIGURED"],
  ["envelope 10006", /IP地址|不可超过|请求时间必填|不能都为空/, "INVALID_REQUEST"],
  ["envelope 10007", "退款同步处理中，请勿重复操作", "SYNC_IN_PROGRESS"],
  ["envelope 10010", /^(微信支付配置不存在|支付宝配置不存在|未找到接口信息|未查询到支付订单)$/, "NOT_CONFIGURED"],
  ["envelope 10401", "用户未登录", "NOT_CONFIGURED"],
  ["envelope 10404", "页面或资源不存在", "NOT_CONFIGURED"],
  ["envelope 10500", /^(系统错误|数据错误)$/, "UPSTREAM_ERROR"],
  ["envelope 10505", /^JSON parse error|^Required request body/, "INVALID_REQUEST"],
  ["envelope 10506", /请求已过期|请求时间晚于/, "CLOCK_SKEW"],
  ["envelope 10506", /商户号|应用号|未获取到签名方式/, "NOT_CONFIGURED"],
  ["envelope 10506", /IP地址|退款号不可超过|签名不可超过|随机数|请求时间必填|不能都为空/, "INVALID_REQUEST"],
  ["envelope 10507", "退款同步处理中，请勿重复操作", "SYNC_IN_PROGRESS"],
  ["envelope 20000", "未通过签名验证", "SIGNATURE_REJECTED"],
  ["envelope 20000", /^(未获取到签名方式，请检查|签名方式错误|该接口权限未开放)$/, "NOT_CONFIGURED"],
  ["envelope 20021", /支付通道未启用$/, "NOT_CONFIGURED"],
  ["envelope 20023", /^(商户未启用|该接口权限未开放|未找到指定的(商户|应用|支付通道)配置)$/, "NOT_CONFIGURED"],
  ["envelope 20024", "未找到接口信息", "NOT_CONFIGURED"],
  ["envelope 20030", /^不支持的能力/, "NOT_CONFIGURED"],
  ["envelope 20041", /^(未查询到退款订单|退款订单不存在)$/, "REFUND_NOT_FOUND"],
  ["envelope 20052", "验签失败", "SIGNATURE_REJECTED"],
  ["envelope 20080", "间隔10秒以上再发起退款查询请求", "CHANNEL_FAILED"],
  ["envelope 28106", "不支持的支付方式", "NOT_CONFIGURED"],
  ["data 0", "", "REPORT"],
  ["data 1", /^(未查询到退款订单|退款订单不存在)$/, "REFUND_NOT_FOUND"],
  ["data 1", /^(不存在的支付通道|不支持的能力|该接口权限未开放|支付订单不存在)$/, "NOT_CONFIGURED"],
  ["data 1", "退款号或=商户退款号不能都为空", "INVALID_REQUEST"],
  // What a payment channel says, or nothing.
  ["data 1", /^(|交易不存在|签名错误|调用过于频繁|退款"失败"[^]*)$/, "CHANNEL_FAILED"],
];

/** The secret of requests that a server rejected, or did not check, for their signature. */
const WRONG_SECRET = "wrong-secret-wrong-secret";

function outcomeOf({ body, path }: Recorded): Outcome {
  const { code, msg, data, status, path: page } = JSON.parse(body);
  // Spring Boot's pages: its path is that of the request, except of the error page itself.
  if (code === undefined) return status === 500 && page === path ? "NOT_CONFIGURED" : "UPSTREAM_ERROR";
  const [place, text] = code === 0 && data?.code !== undefined
    ? [`data ${data.code}`, data.msg]
    : [`envelope ${code}`, msg];
  const rows = OUTCOMES.filter(([where, expected]) =>
    where === place && (typeof expected === "string" ? (text ?? "") === expected : expected.test(text ?? ""))
  );
  if (rows.length !== 1) throw new RangeError(`expected one row for ${place} ${text}, got ${rows.length}`);
  return rows[0][2];
}

function signTypeOf(release: Release, algorithm: Algorithm = "HMAC_SHA256"): SignType {
  const types = signTypesOf(release);
  const type = SIGN_TYPES.find((type) => types[type] === algorithm);
  if (!type) throw new RangeError(`expected an algorithm of the release, got ${algorithm}`);
  return type;
}

async function replay(name: ReleaseName, recorded: Recorded, secret = recorded.secret) {
  const release: Release = RELEASES[name];
  using daxpay = createDaxPay(
    {
      url: new URL("http://127.0.0.1"),
      release: name,
      path: recorded.path,
      signType: signTypeOf(release, recorded.algorithm),
      secret,
      appId: "A4449206105400653",
      mchNo: "M1756189868049",
      timeoutMs: 1000,
      timeZone: "Asia/Shanghai",
      maxSkewMs: 300_000,
    },
    {
      fetch: () => Promise.resolve(new Response(recorded.body, { status: recorded.status ?? 200 })),
      now: () => Date.parse(recorded.at),
      nonce: () => "n",
    },
  );
  const query = {
    refundNo: recorded.refundNo ?? "",
    bizRefundNo: recorded.bizRefundNo ?? "",
    clientIp: "",
    nonceStr: "",
  };
  const isQuery = release.query?.path === recorded.path;
  const call = isQuery ? daxpay.query(query) : daxpay.sync(query);
  const result = await call.catch((error: unknown) => {
    if (error instanceof DaxPayFailure) return error;
    throw error;
  });
  return { result, isQuery };
}

/** The members that hold a refund's signature in a reply of the release, whatever it says. */
function isSigned({ body }: Recorded): boolean {
  const { sign, data } = JSON.parse(body);
  return Boolean(sign ?? data?.sign);
}

const folder = path.join(import.meta.dirname ?? "", "replies");

describe.each(["2.0.6", "2.0.7", "2.0.8", "3.0.0-beta4", "3.0.0"] as const)(
  "createDaxPay() at a real DaxPay %s",
  (name) => {
    const lines = readFileSync(path.join(folder, `${name}.jsonl`), "utf8").trimEnd().split("\n");
    const all = lines.map((line): Recorded => JSON.parse(line));
    const [foreign, own] = [true, false].map((wrong) =>
      all.filter((recorded) => (recorded.secret === WRONG_SECRET && isSigned(recorded)) === wrong)
    );

    const serverSecret = own.find(({ secret }) => secret !== WRONG_SECRET)?.secret;

    test.each(own)("classifies: $situation", async (recorded) => {
      const { result, isQuery } = await replay(name, recorded);
      const outcome = outcomeOf(recorded);
      if (outcome === "REPORT") {
        const { data } = JSON.parse(recorded.body);
        expect(result).toMatchObject({
          kind: "report",
          daxpayStatus: data.orderStatus ?? data.status,
          binding: isQuery ? "REFUND" : "SECRET_ONLY",
          ...(isQuery &&
            { refundNo: data.refundNo, bizRefundNo: data.bizRefundNo, amountFen: 1000n, channel: data.channel }),
        });
        return;
      }
      expect(result).toMatchObject({
        reason: outcome,
        step: isQuery ? "QUERY" : "SYNC",
        delivery: isQuery ? "NOT_SENT" : "ANSWERED",
      });
      const { message, daxpayMessage = "" } = result as DaxPayFailure;
      expect(message + daxpayMessage).not.toMatch(/java|mapper|SQL|Exception/i);
    });

    test.skipIf(foreign.length === 0).each(foreign)(
      "trusts no other secret's signature: $situation",
      async (recorded) => {
        const { result } = await replay(name, recorded);
        expect(result).toMatchObject({ reason: "REPLY_UNVERIFIED" });
        const verified = await replay(name, recorded, serverSecret);
        expect(verified.result).not.toMatchObject({ reason: "REPLY_UNVERIFIED" });
      },
    );
  },
);
