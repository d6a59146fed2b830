import { isIP } from "node:net";
import type { Bean, BeanMember } from "./bean.ts";
import { sign, type SignKey } from "./signer.ts";
import type { TimeFormat } from "./time.ts";

/** What a request is checked against. */
export interface CheckContext {
  readonly key: SignKey;
  readonly appId: string;
  readonly mchNo: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly time: TimeFormat;
  readonly timeZone: string;
  /** How old a request may be; undefined where the server does not care. */
  readonly reqTimeoutSeconds: number | undefined;
}

/** A request that DaxPay turned away. Only some releases sign what they say then. */
export interface Refusal {
  readonly code: number;
  readonly text: string;
  readonly signed: boolean;
}

export type Check = (bean: Bean, context: CheckContext) => Refusal | undefined;

/** A bean validation: its text, and whether a bean breaks it. */
export interface Rule {
  readonly text: string;
  broken(bean: Bean): boolean;
}

export const reqTimeGiven: Rule = {
  text: "请求时间必填",
  broken: ({ members }) => members.reqTime === undefined,
};

export const clientIpValid: Rule = {
  text: "IP地址不合法！",
  broken: ({ members: { clientIp = "" } }) => clientIp.trim() !== "" && isIP(clientIp) === 0,
};

/** `label` is DaxPay's word for the member. Only the text for refundNo is known from its source. */
export function atMost(length: number, member: BeanMember | "sign", label: string): Rule {
  return {
    text: `${label}不可超过${length}位`,
    broken: ({ members, sign }) => ((member === "sign" ? sign : members[member]) ?? "").length > length,
  };
}

export function notBlank(member: BeanMember, label: string): Rule {
  return { text: `${label}不可为空`, broken: ({ members }) => (members[member] ?? "").trim() === "" };
}

/** All broken rules are told at once, each on a line of its own. */
export function valid(rules: readonly Rule[], { code, signed }: { code: number; signed: boolean }): Check {
  return (bean) => {
    const broken = rules.filter((rule) => rule.broken(bean));
    if (broken.length === 0) return undefined;
    return { code, text: `验证参数错误\n${broken.map(({ text }) => `${text}\n`).join("")}`, signed };
  };
}

/** DaxPay compares with `equals`: upper-case hex is wrong. */
export function signatureRight(refusal: Refusal): Check {
  return ({ members, sign: found }, { key }) => (found === sign(members, key) ? undefined : refusal);
}

/** `futureSeconds` bounds a time that is ahead of the server's; without it the same bound holds both ways. */
export function timely({ code, futureSeconds }: { code: number; futureSeconds?: number }): Check {
  return ({ members: { reqTime } }, { now, time, timeZone, reqTimeoutSeconds }) => {
    if (reqTimeoutSeconds === undefined || reqTime === undefined) return undefined;
    const ageMs = now - time.toMs(reqTime, timeZone);
    const refused = (why: string) => ({ code, text: `验证参数错误\n${why}`, signed: false });
    if (ageMs > reqTimeoutSeconds * 1000) return refused("请求已过期，请重新发送！");
    if (-ageMs > (futureSeconds ?? reqTimeoutSeconds) * 1000) return refused("请求时间晚于服务器接收到的时间，请检查");
  };
}

/** beta4 looks an application up before it has validated anything; its cache cannot hold a null key. */
export const appGiven: Check = ({ members }) =>
  members.appId === undefined ? { code: 10500, text: "系统错误", signed: false } : undefined;

export const appKnown: Check = ({ members }, { appId }) =>
  members.appId === appId ? undefined : { code: 20023, text: "未找到指定的应用配置", signed: false };

export const merchantKnown: Check = ({ members }, { mchNo }) =>
  members.mchNo === mchNo ? undefined : { code: 20023, text: "未找到指定的商户配置", signed: false };
