import { bindBean } from "./bean.ts";
import type { CheckContext, InterfaceState, ServerKey } from "./check.ts";
import { type Fault, FAULTS } from "./fault.ts";
import type { ActiveFault } from "./faults.ts";
import { type HttpRequest, type HttpResponse, JSON_TYPE, type Profile } from "./http.ts";
import { queryRefund } from "./query.ts";
import type { RecordedOutcome } from "./record.ts";
import type { Endpoint, EndpointKind, Release } from "./release.ts";
import type { Draft } from "./reply.ts";
import { type SyncContext, syncRefund } from "./sync.ts";

export interface Incoming extends HttpRequest {
  /** The parsed body; undefined where it is not JSON. */
  readonly json: unknown;
}

/** A DaxPay's settings and state. */
export interface ServerContext extends SyncContext {
  readonly key: ServerKey;
  readonly previousSecret: string;
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
  const { release, key, timeZone, now, traceId, profile } = context;
  const { method, path } = incoming;
  const endpoint = endpointAt(path, release);
  if (!endpoint) {
    const response = release.unserved({ method, path, now: now(), traceId, profile });
    return { response, outcome: { httpStatus: response.status } };
  }
  if (!accepts(incoming.header("accept") ?? "*/*")) {
    return { response: { status: 406, type: JSON_TYPE, body: "" }, outcome: { httpStatus: 406 } };
  }
  const untouched = await draftOf(incoming, endpoint, context);
  const change: Fault | undefined = fault && FAULTS[fault.name];
  const statusMember = endpoint.kind === "query" ? "status" : release.statusMember;
  const draft = fault && change?.kind === "draft"
    ? change.change(untouched, {
      detail: fault.detail,
      previousSecret: context.previousSecret,
      statusMember,
      signsCodes: release.statusMember === "orderStatus",
    })
    : untouched;
  const typeUnset = (context.verifyFirst ? release.verifyFirst : undefined)?.typeUnset ?? release.typeUnset;
  const body = release.write(draft, { key, time: release.time, timeZone, typeUnset });
  const { code, text, signed } = draft;
  const status = draft.data?.[statusMember];
  return {
    response: { status: 200, type: JSON_TYPE, body: change?.kind === "body" ? change.change(body) : body },
    outcome: { httpStatus: 200, code, text, signed, status: typeof status === "string" ? status : undefined },
  };
}

/** Whether JSON is among the media types that the caller accepts. */
function accepts(accept: string): boolean {
  return /(^|,)\s*(\*\/\*|application\/(\*|json))\s*(;|,|$)/i.test(accept);
}

/** Proceeds in the order of DaxPay's own filters and aspects. */
async function draftOf(incoming: Incoming, endpoint: Endpoint, context: ServerContext): Promise<Draft> {
  const { release, key } = context;
  const { method, header, body, json } = incoming;
  const draft = (members: Pick<Draft, "code" | "text" | "signed"> & Partial<Draft>): Draft => ({
    data: null,
    time: context.now(),
    traceId: context.traceId(),
    secret: key.secret,
    ...members,
  });
  const unsigned = (code: number, text: string) => draft({ code, text, signed: false });

  if (method !== "POST") {
    return draft({ code: 1, text: `不支持${method}请求方法，支持以下POST`, signed: false, traceId: undefined });
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
  const checking: CheckContext = {
    ...context,
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
    case "query": {
      const time = (ms: number) => release.time.write(ms, context.timeZone);
      const result = queryRefund(members, { query, outcomes, ledger: context.ledger, time });
      return draft("failure" in result ? result.failure : { code: 0, text: null, signed: true, ...result });
    }
    case "sync": {
      const refund = context.ledger.find(members);
      if (!refund) return draft(outcomes.unknown);
      if (refund === "ambiguous") return draft(outcomes.ambiguous);
      const result = await syncRefund(refund, context);
      if ("failure" in result) return draft(result.failure);
      const { status, adjust } = result;
      const data = release.statusMember === "status" ? { status } : { orderStatus: status, adjust };
      return draft({ code: 0, text: null, signed: true, data });
    }
  }
}
