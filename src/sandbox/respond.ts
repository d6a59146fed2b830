import { bindBean } from "./bean.ts";
import type { CheckContext, InterfaceState } from "./check.ts";
import type { Failure } from "./failure.ts";
import { type Fault, FAULTS } from "./fault.ts";
import type { ActiveFault } from "./faults.ts";
import { type HttpRequest, type HttpResponse, JSON_TYPE, type Profile } from "./http.ts";
import { lookUp } from "./lookup.ts";
import type { Nonces } from "./nonces.ts";
import { ping } from "./ping.ts";
import { queryRefund } from "./query.ts";
import type { RecordedOutcome } from "./record.ts";
import type { Endpoint, EndpointKind } from "./endpoint.ts";
import type { Release } from "./release-type.ts";
import type { Draft } from "./reply.ts";
import type { Signer } from "./signer.ts";
import { type SyncContext, syncRefund } from "./sync.ts";
import { type Language, languageOf, localize } from "./texts.ts";

export interface Incoming extends HttpRequest {
  /** The parsed body; undefined where it is not JSON. */
  readonly json: unknown;
}

/** A DaxPay's settings and state. */
export interface ServerContext extends SyncContext {
  /** Or the failure of replies that cannot be signed, where no sign type is set. */
  readonly signer: Signer | Failure;
  /** 4.x: whether the platform has the merchant's public key. */
  readonly hasMerchantKey: boolean;
  /** Undefined where nonces are not checked. */
  readonly nonces: Nonces | undefined;
  /** Of callers that accept none that the server knows. */
  readonly language: Language;
  readonly appId: string;
  readonly mchNo: string;
  readonly apps: Readonly<Record<string, string>>;
  readonly timeZone: string;
  readonly profile: Profile;
  readonly verifyFirst: boolean;
  readonly requireSignature: boolean;
  readonly reqTimeoutSeconds: number | undefined;
  readonly interfaces: Readonly<Partial<Record<EndpointKind, InterfaceState>>>;
  readonly disabled: "app" | "merchant" | undefined;
  readonly traceId: () => string;
}

export interface Reply {
  readonly response: HttpResponse;
  readonly outcome: RecordedOutcome;
}

/** The endpoint that serves a path. */
export function endpointAt(path: string, { endpoints, trailingSlash }: Release): Endpoint | undefined {
  const exact = trailingSlash && path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
  return Object.hasOwn(endpoints, exact) ? endpoints[exact] : undefined;
}

/** Answers a request as the release does, with the fault's changes where it changes what DaxPay returns. */
export async function respond(
  incoming: Incoming,
  context: ServerContext,
  fault: ActiveFault | undefined,
): Promise<Reply> {
  const { release, signer, timeZone, now, profile } = context;
  const { method, path, header } = incoming;
  const id = context.traceId();
  const traceId = () => id;
  const headers = release.traceIdInHeader ? { "x-trace-id": id } : undefined;
  const language = languageOf(header("accept-language")) ?? context.language;
  const localized = (text: string) => release.localized ? localize(text, language) : text;
  const endpoint = endpointAt(path, release);
  if (!endpoint) {
    const response = { ...release.unserved({ method, path, now: now(), traceId, profile, localized }), headers };
    return { response, outcome: { httpStatus: response.status } };
  }
  if (!accepts(incoming.header("accept") ?? "*/*")) {
    return { response: { status: 406, type: JSON_TYPE, body: "" }, outcome: { httpStatus: 406 } };
  }
  const plain = await draftOf(incoming, endpoint, { ...context, traceId });
  const untouched = plain.text === null ? plain : { ...plain, text: localized(plain.text) };
  const change: Fault | undefined = fault && FAULTS[fault.name];
  const statusMember = endpoint.kind === "query" ? "status" : release.statusMember;
  const draft = fault && change?.kind === "draft"
    ? change.change(untouched, {
      detail: fault.detail,
      statusMember,
      signsCodes: release.statusMember === "orderStatus",
    })
    : untouched;
  const body = release.write(draft, { signer, time: release.time, timeZone });
  const { code, text, signed } = draft;
  const status = draft.data?.[statusMember];
  return {
    response: { status: 200, type: JSON_TYPE, body: change?.kind === "body" ? change.change(body) : body, headers },
    outcome: { httpStatus: 200, code, text, signed, status: typeof status === "string" ? status : undefined },
  };
}

/** Whether JSON is among the media types that the caller accepts. */
function accepts(accept: string): boolean {
  return /(^|,)\s*(\*\/\*|application\/(\*|json))\s*(;|,|$)/i.test(accept);
}

/** Proceeds in the order of DaxPay's own filters and aspects. */
async function draftOf(incoming: Incoming, endpoint: Endpoint, context: ServerContext): Promise<Draft> {
  const { release } = context;
  const { method, header, body, json } = incoming;
  let reqId: string | undefined;
  const draft = (members: Pick<Draft, "code" | "text" | "signed"> & Partial<Draft>): Draft => ({
    data: null,
    time: context.now(),
    traceId: context.traceId(),
    reqId,
    ...members,
  });
  const unsigned = (code: number, text: string) => draft({ code, text, signed: false });

  if (method !== "POST") {
    return draft({ code: 1, text: release.wrongMethod(method), signed: false, traceId: undefined });
  }
  const { codes, outcomes, query } = release;
  if (release.failsOnTerminals && header("x-client-code")?.startsWith("dax-pay-")) {
    return unsigned(codes.system, "系统错误");
  }
  if (!/^application\/(json|[^;\s]+\+json)\s*(;|$)/i.test(header("content-type") ?? "")) {
    return unsigned(codes.system, "系统错误");
  }
  if (body === "" || json === null) {
    return unsigned(codes.unreadable, `Required request body is missing: public ${endpoint.handler}`);
  }
  if (json === undefined) return unsigned(codes.unreadable, "JSON parse error: Unexpected character");
  const binding = bindBean(json, endpoint.members, release.time);
  if ("unreadable" in binding) return unsigned(codes.unreadable, binding.unreadable);

  const { members } = binding.bean;
  // A blank one is not echoed.
  if (members.reqId?.trim()) reqId = members.reqId;
  const checking: CheckContext = {
    ...context,
    kind: endpoint.kind,
    time: release.time,
    now: context.now(),
    interfaceState: context.interfaces[endpoint.kind],
  };
  for (const check of release.checks) {
    const failure = check(binding.bean, checking);
    if (failure) return draft(failure);
  }
  switch (endpoint.kind) {
    case "paySync":
      return draft(outcomes.paymentUnknown);
    case "ping": {
      const result = ping(binding.bean, context);
      return draft("failure" in result ? result.failure : { code: 0, text: null, signed: true, ...result });
    }
    case "query": {
      const time = (ms: number) => release.time.write(ms, context.timeZone);
      const result = queryRefund(members, { query, outcomes, ledger: context.ledger, time });
      return draft("failure" in result ? result.failure : { code: 0, text: null, signed: true, ...result });
    }
    case "sync": {
      const found = lookUp(members, outcomes, context.ledger.find);
      if ("failure" in found) return draft(found.failure);
      const result = await syncRefund(found.refund, context);
      if ("failure" in result) return draft(result.failure);
      const { status, adjust } = result;
      const data = release.statusMember === "status" ? { status } : { orderStatus: status, adjust };
      return draft({ code: 0, text: null, signed: true, data });
    }
  }
}
