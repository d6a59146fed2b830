import { isIP } from "node:net";
import type { Bean, BeanMember } from "./bean.ts";
import { type Failure, unsigned } from "./failure.ts";
import { type Algorithm, sign, type SignKey } from "./signer.ts";
import type { TimeFormat } from "./time.ts";

/** The settings of a server that a request is checked against. */
export interface CheckContext {
  readonly key: ServerKey;
  readonly appId: string;
  readonly mchNo: string;
  /** Merchant numbers of further applications, by application number; they share the secret. */
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

/** The server's key; without an algorithm where no sign type is set. */
export type ServerKey = Omit<SignKey, "algorithm"> & { readonly algorithm: Algorithm | undefined };

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
export function valid(rules: readonly Rule[], { code, signed }: { code: number; signed: boolean }): Check {
  return (bean) => {
    const violated = rules.filter((rule) => rule.violated(bean));
    if (violated.length === 0) return undefined;
    return { code, text: `验证参数错误\n${violated.map(({ text }) => `${text}\n`).join("")}`, signed };
  };
}

/** DaxPay compares with `equals`: upper-case hex is wrong. */
export function signatureValid({ wrong, typeUnset }: { wrong: Failure; typeUnset: Failure }): Check {
  return ({ members, sign: found }, { key, requireSignature }) => {
    if (!requireSignature) return undefined;
    const { algorithm } = key;
    if (algorithm === undefined) return typeUnset;
    return found === sign(members, { ...key, algorithm }) ? undefined : wrong;
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

export const merchantKnown: Check = ({ members: { mchNo } }, context) =>
  mchNo !== undefined && (mchNo === context.mchNo || Object.values(context.apps).includes(mchNo))
    ? undefined
    : unsigned(20023, "未找到指定的商户配置");

/** After `appKnown` and `merchantKnown`. */
export const appOfMerchant: Check = ({ members: { appId = "", mchNo } }, context) =>
  mchNo === (context.apps[appId] ?? context.mchNo) ? undefined : unsigned(10506, "验证参数错误\n商户号和应用号不匹配");

const SWITCHED_OFF = { app: "商户应用未启用", merchant: "商户未启用" } as const;

export const accountOn: Check = (_, { disabled }) => disabled && unsigned(20023, SWITCHED_OFF[disabled]);
