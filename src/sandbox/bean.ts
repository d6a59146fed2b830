import type { TimeFormat } from "./time.ts";

/** The members that DaxPay's request beans may have, besides `reqTime` and `sign`. */
export type BeanMember = "refundNo" | "bizRefundNo" | "clientIp" | "nonceStr" | "appId" | "mchNo" | "reqId";

/** A request as DaxPay's bean holds it. Members that the bean lacks are gone, also for the signature. */
export interface Bean {
  /** The members that are not null, as the texts that are signed. */
  readonly members: Readonly<Partial<Record<BeanMember | "reqTime", string>>>;
  readonly sign: string | null;
}

/** The request's members, or why they cannot be bound to the bean. */
export type Binding = { readonly bean: Bean } | { readonly unreadable: string };

/** Binds parsed JSON to a bean as Jackson does: numbers and booleans become texts, objects and lists do not. */
export function bindBean(json: unknown, names: readonly BeanMember[], time: TimeFormat): Binding {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return { unreadable: unbound("RefundSyncParam", json) };
  }
  const given = json as Record<string, unknown>;
  const members: Record<string, string> = {};
  for (const name of names) {
    const value = given[name] ?? null;
    if (typeof value === "object" && value !== null) return { unreadable: unbound("java.lang.String", value) };
    if (value !== null) members[name] = String(value);
  }
  const reqTime = time.read(given.reqTime);
  if (reqTime === undefined) return { unreadable: unbound("java.time.LocalDateTime", given.reqTime) };
  if (reqTime !== null) members.reqTime = reqTime;
  const sign = given.sign ?? null;
  if (typeof sign === "object" && sign !== null) return { unreadable: unbound("java.lang.String", sign) };
  return { bean: { members, sign: sign === null ? null : String(sign) } };
}

/** DaxPay passes Jackson's own English on; only its beginning is stable. */
function unbound(type: string, value: unknown): string {
  return `JSON parse error: Cannot deserialize value of type \`${type}\` from ${JSON.stringify(value).slice(0, 40)}`;
}
