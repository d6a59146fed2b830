import type { Bean } from "./bean.ts";
import { type Failure, signed } from "./failure.ts";
import { flatText } from "./rsa.ts";
import type { Members } from "./signer.ts";

interface PingContext {
  readonly appId: string;
  readonly mchNo: string;
  readonly apps: Readonly<Record<string, string>>;
  readonly disabled: "app" | "merchant" | undefined;
}

export type PingResult = { readonly data: Members } | { readonly failure: Failure };

/** Answers 4.x's ping (UnipaySignedPingController): the merchant's application, and the text that was verified. */
export function ping({ members }: Bean, context: PingContext): PingResult {
  const { mchNo = "", appId: given = "" } = members;
  const appFromDefault = given.trim() === "";
  const appId = appFromDefault ? defaultApp(mchNo, context) : given;
  const owner = appId === context.appId ? context.mchNo : appId && context.apps[appId];
  if (!owner) return { failure: signed(20023, appFromDefault ? "未找到商户默认应用配置" : "未找到指定的应用配置") };
  if (context.disabled === "app") {
    return { failure: signed(1, appFromDefault ? "商户默认应用已停用, 请先启用或转交默认标记" : "商户应用未启用") };
  }
  if (owner !== mchNo) return { failure: signed(10506, "商户号和应用号不匹配") };
  return { data: { mchNo, appId, appFromDefault, serverSignStr: flatText(members) } };
}

function defaultApp(mchNo: string, context: PingContext): string | undefined {
  if (mchNo === context.mchNo) return context.appId;
  return Object.entries(context.apps).find(([, owner]) => owner === mchNo)?.[0];
}
