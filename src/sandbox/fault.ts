import { html, HTML_TYPE, type HttpResponse, JSON_TYPE } from "./http.ts";
import type { Draft } from "./reply.ts";

/** Parameters of a fault. */
export interface FaultDetail {
  /** Delay of the reply in milliseconds; 2000 unless set. Of `slow` only. */
  readonly delayMs?: number;
  /** Of `http-429` only; 7 unless set. */
  readonly retryAfterSeconds?: number;
  /** Envelope code of `unknown-code`; 47011 unless set. */
  readonly code?: number;
  /** Text of `unknown-code` and `hostile-text`. */
  readonly text?: string;
}

/**
 * Where a reply breaks. Only `connect` comes before the request was read, so it cannot depend on a number. Before
 * `silence`, `reset` and `page` DaxPay does not process the request; before all others it does.
 */
export type Fault =
  & { readonly description: string }
  & (
    | { readonly kind: "connect" | "delay" | "silence" | "reset" | "cut" | "lost" | "unanswered" }
    | { readonly kind: "page"; readonly page: (detail: FaultDetail) => HttpResponse }
    /** Replied by DaxPay, and signed as far as the change leaves it so. */
    | { readonly kind: "draft"; readonly change: (draft: Draft, context: DraftContext) => Draft }
    /** Replied by DaxPay, and changed after it was signed. */
    | { readonly kind: "body"; readonly change: (body: string) => string }
  );

export interface DraftContext {
  readonly detail: FaultDetail;
  /** The member of `data` that holds the status. */
  readonly statusMember: "status" | "orderStatus";
  /** Whether a failure can carry a code of its own and be signed, as on 3.x and 4.x. */
  readonly signsCodes: boolean;
}

/** The page's failure example to the letter. Its signature belongs to another text, so it does not verify. */
const PAGE_FAILURE = '{"msg":"success","code":0,"data":{"sign":' +
  '"2bcc5ac7902379d65dc9901186cd81a2833835a30d5a59b3b1860df82f012557","code":"1","msg":"当前订单不存在",' +
  '"resTime":1715345296},"traceId":"7UEqCd1v3fcZ"}';

/** Markup, an attempt to leave a JavaScript string, a terminal's escape, right-to-left override, and great length. */
const HOSTILE_TEXT = `<img src=x onerror=alert(1)>";alert(1)//\u001b[31m\u202etxt.exe\u0000\r\n${"长".repeat(2000)}`;

/** 4.x signs the same text for it as for the object. */
const RESHAPED = '"data.orderStatus":"$1","data.adjust":"$2"';

const pageOf = (type: string, body: string) => ({ kind: "page", page: () => ({ status: 200, type, body }) } as const);

export const FAULTS = {
  "connect-reset": {
    kind: "connect",
    description: "the connection is reset before the request was read",
  },
  slow: { kind: "delay", description: "the reply is 2 s late" },
  hang: { kind: "silence", description: "no reply ever comes, and nothing is processed" },
  reset: { kind: "reset", description: "the connection is reset after the request was read, and nothing is processed" },
  cut: { kind: "cut", description: "the reply ends in its middle" },
  lost: { kind: "lost", description: "the request is processed, then the connection is reset" },
  unanswered: { kind: "unanswered", description: "the request is processed, but no reply ever comes" },
  "http-500": {
    kind: "page",
    page: () => html(500, "500 Internal Server Error"),
    description: "HTTP 500 with an HTML page",
  },
  "http-429": {
    kind: "page",
    page: ({ retryAfterSeconds = 7 }) =>
      html(429, "429 Too Many Requests", { "retry-after": String(retryAfterSeconds) }),
    description: "HTTP 429 with `Retry-After: 7`",
  },
  "html-200": { kind: "page", page: () => html(200, "Log in"), description: "HTTP 200 with an HTML page" },
  redirect: {
    kind: "page",
    page: () => html(307, "307 Temporary Redirect", { location: "/elsewhere" }),
    description: "HTTP 307 to another path, which requests a resend",
  },
  "not-json": { ...pageOf(JSON_TYPE, "退款成功"), description: "a text that is not JSON" },
  "wrong-types": {
    ...pageOf(JSON_TYPE, '{"msg":["success"],"code":"zero","data":"refund_success","sign":7,"resTime":{},"traceId":7}'),
    description: "JSON whose members have the wrong types",
  },
  "page-failure": {
    ...pageOf(JSON_TYPE, PAGE_FAILURE),
    description: "the interface page's failure example as printed, which does not verify",
  },
  empty: { ...pageOf(HTML_TYPE, ""), description: "HTTP 200 with an empty body" },
  "no-code": {
    kind: "body",
    change: (body) => body.replace(/"code":\d+,/, ""),
    description: "a reply without a code",
  },
  "duplicate-keys": {
    kind: "body",
    change: (body) => body.replace(/"(status|orderStatus)":/, '"$1":"close","$1":'),
    description: "a reply that names its status twice, first `close`",
  },
  oversized: {
    kind: "body",
    change: (body) => body + " ".repeat(64 * 1024),
    description: "a genuine reply followed by 64 KiB of spaces",
  },
  "wrong-sign": {
    kind: "draft",
    change: (draft) => ({ ...draft, tamperSignature: corrupt }),
    description: "a reply whose signature is wrong in its last digit",
  },
  "no-sign": {
    kind: "draft",
    change: (draft) => ({ ...draft, tamperSignature: () => null }),
    description: "a reply whose signature is null",
  },
  "previous-key": {
    kind: "draft",
    change: (draft) => ({ ...draft, previousKey: true }),
    description: "a reply signed with the previous secret or key",
  },
  foreign: {
    kind: "draft",
    change: (draft) => ({ ...draft, data: { ...draft.data, refundNo: "DEVR24051020531763999999" } }),
    description: "a genuine reply that names another refund",
  },
  "other-request": {
    kind: "draft",
    change: (draft) => ({ ...draft, reqId: "2f1e5c0a-7f0b-4a53-9d1e-6f6f0c1b7a55" }),
    description: "a genuine reply to another request: on 4.x it echoes another `reqId`",
  },
  reshaped: {
    kind: "body",
    change: (body) => body.replace(/"data":\{"orderStatus":"(\w+)","adjust":(\w+)\}/, RESHAPED),
    description: "a reply whose `data` became two members, which 4.x's signature covers just as well; genuine on 2.x",
  },
  stale: {
    kind: "draft",
    change: (draft) => ({ ...draft, time: draft.time - 3600_000 }),
    description: "a genuine reply that is an hour old",
  },
  "unknown-status": {
    kind: "draft",
    change: (draft, { statusMember }) => ({ ...draft, data: { ...draft.data, [statusMember]: "refund_reversed" } }),
    description: "the status `refund_reversed`, which no release has",
  },
  "unknown-code": {
    kind: "draft",
    change: (draft, { detail: { code = 47011, text = "新的错误" }, signsCodes }) => ({
      ...draft,
      code,
      text,
      // 2.x's signed failures cannot carry an envelope code.
      signed: signsCodes,
      data: null,
    }),
    description: "the code 47011, which no release has",
  },
  "string-code": {
    kind: "draft",
    change: (draft, { signsCodes }) => ({
      ...draft,
      text: "当前订单不存在",
      ...(signsCodes ? { code: 20041, data: null } : { code: 1, data: { code: "1" } }),
    }),
    description: 'the interface page\'s failure properly signed, its code the text "1"; 3.x, 4.x: 20041',
  },
  "hostile-text": {
    kind: "draft",
    change: (draft, { detail: { text = HOSTILE_TEXT }, signsCodes }) => ({
      ...draft,
      code: signsCodes ? 20045 : 1,
      text,
      signed: true,
      data: null,
    }),
    description: "a genuine failure whose text holds markup, control characters and 2000 more characters",
  },
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

export function isFaultName(name: unknown): name is FaultName {
  return typeof name === "string" && Object.hasOwn(FAULTS, name);
}

/** Changes the last digit: of hex, or of base64 that ends in `==`, whose last digit has two bits that count. */
function corrupt(signature: string): string {
  const [digits, padding] = [signature.replace(/=+$/, ""), signature.replace(/^[^=]*/, "")];
  const [digit, other] = padding ? ["A", "Q"] : ["0", "1"];
  return digits.slice(0, -1) + (digits.endsWith(digit) ? other : digit) + padding;
}
