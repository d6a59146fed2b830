import { isIP } from "node:net";
import type { Bean, BeanMember } from "./bean.ts";
import { type Failure, unsigned } from "./failure.ts";
import type { Nonces } from "./nonces.ts";
import type { EndpointKind } from "./endpoint.ts";
import { flatText } from "./rsa.ts";
import type { Signer } from "./signer.ts";
import type { TimeFormat } from "./time.ts";

/** The settings of a server that a request is checked against. */
export interface CheckContext {
  readonly kind: EndpointKind;
  /** Or the failure of replies that cannot be signed, where no sign type is set. */
  readonly signer: Signer | Failure;
  /** Whether the platform has the merchant's public key. */
  readonly hasMerchantKey: boolean;
  /** The nonces that were used; undefined where the server does not check them. */
  readonly nonces: Nonces | undefined;
  readonly appId: string;
  readonly mchNo: string;
  /** Merchant numbers of further applications, by application number; they share the secret or key. */
  readonly apps: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly time: TimeFormat;
  readonly timeZone: string;
  /** Maximum age of a request; undefined where the server does not check it. */
  readonly reqTimeoutSeconds: number | undefined;
  readonly requireSignature: boolean;
  /** Whether the signature aspect runs before the one that loads the platform's settings. */
  readonly verifyFirst: boolean;
  /** State of the interface that the request is for. */
  readonly interfaceState: InterfaceState | undefined;
  /** The account that is switched off. */
  readonly disabled: "app" | "merchant" | undefined;
}

/** `missing`: the interface has no row in DaxPay's table. */
export type InterfaceState = "off" | "missing";

export type Check = (bean: Bean, context: CheckContext) => Failure | undefined;

/** A bean validation: its text, and whether a bean violates it. */
export interface Rule {
  readonly text: string;
  violated(bean: Bean): boolean;
}

export const reqTimeGiven: Rule = {
  text: "请求时间必填",
  violated: ({ members }) => members.reqTime === undefined,
};

export const clientIpValid: Rule = {
  text: "IP地址不合法！",
  violated: ({ members: { clientIp = "" } }) => clientIp.trim() !== "" && isIP(clientIp) === 0,
};

/** `label` is DaxPay's word for the member. */
export function maxLength(length: number, member: BeanMember | "sign", label: string): Rule {
  return {
    text: `${label}不可超过${length}位`,
    violated: ({ members, sign }) => ((member === "sign" ? sign : members[member]) ?? "").length > length,
  };
}

export function notBlank(member: BeanMember, label: string): Rule {
  return { text: `${label}不可为空`, violated: ({ members }) => (members[member] ?? "").trim() === "" };
}

/** Names all violated rules at once, each on a line of its own. */
export function valid(rules: readonly Rule[], failure: (lines: string) => Failure): Check {
  return (bean) => {
    const violated = rules.filter((rule) => rule.violated(bean));
    return violated.length > 0 ? failure(violated.map(({ text }) => `${text}\n`).join("")) : undefined;
  };
}

export function signatureValid({ wrong, typeUnset }: { wrong: Failure; typeUnset: Failure }): Check {
  return ({ members, sign }, { signer, requireSignature }) => {
    if (!requireSignature) return undefined;
    if (!("sign" in signer)) return typeUnset;
    return signer.verify(members, sign) === "valid" ? undefined : wrong;
  };
}

/** Failures that 4.x signs, or not, according to its state. */
export type Fail = (code: number, text: string) => Failure;

/** 4.x (PaymentSignService). The ping's failure ends with the text that the server verified. */
export function rsaSignatureValid(fail: Fail): Check {
  return ({ members, sign }, { kind, signer, hasMerchantKey, requireSignature }) => {
    if (!requireSignature || !("sign" in signer)) return undefined;
    if (!hasMerchantKey) return fail(10506, "商户公钥为空");
    if ((sign ?? "").trim() === "") return fail(10506, "签名为空");
    switch (signer.verify(members, sign)) {
      case "valid":
        return undefined;
      case "malformed":
        return unsigned(10500, "系统错误");
      case "wrong":
        return fail(20052, kind === "ping" ? `验签失败: ${flatText(members).slice(0, 2048)}` : "验签失败");
    }
  };
}

/** 4.x. A request that is refused for its time has used its nonce up, where this comes first. */
export function nonceUnused(fail: Fail): Check {
  return ({ members: { mchNo = "", nonceStr = "" } }, { nonces }) => {
    if (!nonces) return undefined;
    if (nonceStr.trim() === "") return fail(10408, "请求缺少防重放验证参数");
    return nonces.use(mchNo, nonceStr) ? undefined : fail(10409, "请求验证已失效，请重试");
  };
}

/** 4.x: the maximum age holds both ways, in whole seconds. */
export function inWindow(fail: Fail): Check {
  return ({ members: { reqTime } }, { now, time, timeZone, reqTimeoutSeconds }) => {
    if (reqTimeoutSeconds === undefined || reqTime === undefined) return undefined;
    const age = Math.floor((now - time.toMs(reqTime, timeZone)) / 1000);
    return Math.abs(age) > reqTimeoutSeconds ? fail(10410, "请求时间戳已过期，请重试") : undefined;
  };
}

/**
 * `futureSeconds` bounds a time that is ahead of the server's, counted in whole seconds; without it the maximum age
 * holds both ways.
 */
export function timely({ code, futureSeconds }: { code: number; futureSeconds?: number }): Check {
  return ({ members: { reqTime } }, { now, time, timeZone, reqTimeoutSeconds }) => {
    if (reqTimeoutSeconds === undefined || reqTime === undefined) return undefined;
    const ageMs = now - time.toMs(reqTime, timeZone);
    const refused = (why: string) => unsigned(code, `验证参数错误\n${why}`);
    if (ageMs > reqTimeoutSeconds * 1000) return refused("请求已过期，请重新发送！");
    if (Math.trunc(-ageMs / 1000) > (futureSeconds ?? reqTimeoutSeconds)) {
      return refused("请求时间晚于服务器接收到的时间，请检查");
    }
  };
}

/** 2.x's switch per interface, checked where InitPlatformInfoAop is the outer or the inner aspect. */
export function interfaceOn(aspect: "outer" | "inner", failures: Readonly<Record<InterfaceState, Failure>>): Check {
  return (_, { interfaceState, verifyFirst }) =>
    interfaceState && verifyFirst === (aspect === "inner") ? failures[interfaceState] : undefined;
}

/** beta4 looks an application up before it has validated anything; its cache cannot hold a null key. */
export const appGiven: Check = ({ members }) => members.appId === undefined ? unsigned(10500, "系统错误") : undefined;

export const appKnown: Check = ({ members: { appId } }, context) =>
  appId !== undefined && (appId === context.appId || Object.hasOwn(context.apps, appId))
    ? undefined
    : unsigned(20023, "未找到指定的应用配置");

export const merchantKnown: Check = (bean, context) =>
  isMerchant(bean, context) ? undefined : unsigned(20023, NO_MERCHANT);

function isMerchant({ members: { mchNo } }: Bean, context: CheckContext): boolean {
  return mchNo !== undefined && (mchNo === context.mchNo || Object.values(context.apps).includes(mchNo));
}

/** 4.x (MerchantContextLoader). The application is not checked. */
export function merchantOn(fail: Fail): Check {
  return (bean, context) => {
    if (!isMerchant(bean, context)) return fail(20023, NO_MERCHANT);
    return context.disabled === "merchant" ? fail(1, SWITCHED_OFF.merchant) : undefined;
  };
}

/** After `appKnown` and `merchantKnown`. */
export const appOfMerchant: Check = ({ members: { appId = "", mchNo } }, context) =>
  mchNo === (context.apps[appId] ?? context.mchNo) ? undefined : unsigned(10506, "验证参数错误\n商户号和应用号不匹配");

const NO_MERCHANT = "未找到指定的商户配置";
const SWITCHED_OFF = { app: "商户应用未启用", merchant: "商户未启用" } as const;

export const accountOn: Check = (_, { disabled }) => disabled && unsigned(20023, SWITCHED_OFF[disabled]);
