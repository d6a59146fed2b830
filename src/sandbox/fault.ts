import { html, HTML_TYPE, JSON_TYPE, type Page } from "./page.ts";
import type { Draft } from "./reply.ts";

/** What a fault may be told besides its name. */
export interface FaultDetail {
  /** How late the answer comes, in milliseconds; 2000 unless said. Of `slow` only. */
  readonly delayMs?: number;
  /** Of `http-429` only; 7 unless said. */
  readonly retryAfterSeconds?: number;
  /** Envelope code of `unknown-code`; 47011 unless said. */
  readonly code?: number;
  /** Text of `unknown-code` and `hostile-text`. */
  readonly text?: string;
}

/** Where an answer breaks. Only `connect` comes before the request was read, so it cannot depend on a number. */
export type Fault =
  & { readonly meaning: string }
  & (
    | { readonly kind: "connect" | "delay" | "silence" | "reset" | "cut" }
    /** Answered without DaxPay having a say. */
    | { readonly kind: "page"; readonly page: (detail: FaultDetail) => Page }
    /** Answered by DaxPay, and signed as far as the change leaves it so. */
    | { readonly kind: "draft"; readonly change: (draft: Draft, context: DraftContext) => Draft }
    /** Answered by DaxPay, and changed after it was signed. */
    | { readonly kind: "body"; readonly change: (body: string) => string }
  );

export interface DraftContext {
  readonly detail: FaultDetail;
  readonly previousSecret: string;
  readonly status: "status" | "orderStatus";
}

/** The page's failure example to the letter. Its signature belongs to another text, so it does not verify. */
const PAGE_FAILURE = '{"msg":"success","code":0,"data":{"sign":' +
  '"2bcc5ac7902379d65dc9901186cd81a2833835a30d5a59b3b1860df82f012557","code":"1","msg":"当前订单不存在",' +
  '"resTime":1715345296},"traceId":"7UEqCd1v3fcZ"}';

/** Markup, an attempt to leave a JavaScript string, a terminal's escape, right-to-left override, and great length. */
const HOSTILE_TEXT = `<img src=x onerror=alert(1)>";alert(1)//\u001b[31m\u202etxt.exe\u0000\r\n${"长".repeat(2000)}`;

const pageOf = (type: string, body: string) => ({ kind: "page", page: () => ({ status: 200, type, body }) } as const);

export const FAULTS = {
  "connect-reset": {
    kind: "connect",
    meaning: "the connection is reset before the request was read",
  },
  slow: { kind: "delay", meaning: "the answer comes 2 s late" },
  hang: { kind: "silence", meaning: "no answer ever comes" },
  reset: { kind: "reset", meaning: "the connection is reset after the request was read" },
  cut: { kind: "cut", meaning: "the answer ends in its middle" },
  "http-500": {
    kind: "page",
    page: () => html(500, "500 Internal Server Error"),
    meaning: "HTTP 500 with an HTML page",
  },
  "http-429": {
    kind: "page",
    page: ({ retryAfterSeconds = 7 }) =>
      html(429, "429 Too Many Requests", { "retry-after": String(retryAfterSeconds) }),
    meaning: "HTTP 429 with `Retry-After: 7`",
  },
  "html-200": { kind: "page", page: () => html(200, "Log in"), meaning: "HTTP 200 with an HTML page" },
  redirect: {
    kind: "page",
    page: () => html(307, "307 Temporary Redirect", { location: "/elsewhere" }),
    meaning: "HTTP 307 to another path, which asks for the request to be sent again",
  },
  "not-json": { ...pageOf(JSON_TYPE, "退款成功"), meaning: "a text that is no JSON" },
  "wrong-types": {
    ...pageOf(JSON_TYPE, '{"msg":["success"],"code":"zero","data":"refund_success","sign":7,"resTime":{},"traceId":7}'),
    meaning: "JSON whose members have the wrong types",
  },
  "page-failure": {
    ...pageOf(JSON_TYPE, PAGE_FAILURE),
    meaning: "the interface page's failure example as printed, which does not verify",
  },
  empty: { ...pageOf(HTML_TYPE, ""), meaning: "HTTP 200 with nothing in it" },
  "no-code": {
    kind: "body",
    change: (body) => body.replace(/"code":\d+,/, ""),
    meaning: "a reply without a code",
  },
  "duplicate-keys": {
    kind: "body",
    change: (body) => body.replace(/"(status|orderStatus)":/, '"$1":"close","$1":'),
    meaning: "a reply that names its status twice, first `close`",
  },
  oversized: {
    kind: "body",
    change: (body) => body + " ".repeat(64 * 1024),
    meaning: "a genuine reply followed by 64 KiB of blanks",
  },
  "wrong-sign": {
    kind: "draft",
    change: (draft) => ({ ...draft, sealed: spoilt }),
    meaning: "a reply whose signature is wrong in its last digit",
  },
  "no-sign": {
    kind: "draft",
    change: (draft) => ({ ...draft, sealed: () => null }),
    meaning: "a reply whose signature is null",
  },
  "previous-key": {
    kind: "draft",
    change: (draft, { previousSecret }) => ({ ...draft, secret: previousSecret }),
    meaning: "a reply signed with the previous secret",
  },
  foreign: {
    kind: "draft",
    change: (draft) => ({ ...draft, data: { ...draft.data, refundNo: "DEVR24051020531763999999" } }),
    meaning: "a genuine reply that names another refund",
  },
  stale: {
    kind: "draft",
    change: (draft) => ({ ...draft, time: draft.time - 3600_000 }),
    meaning: "a genuine reply that is an hour old",
  },
  "unknown-status": {
    kind: "draft",
    change: (draft, { status }) => ({ ...draft, data: { ...draft.data, [status]: "refund_reversed" } }),
    meaning: "the status `refund_reversed`, which no release has",
  },
  "unknown-code": {
    kind: "draft",
    change: (draft, { detail: { code = 47011, text = "新的错误" }, status }) => ({
      ...draft,
      code,
      text,
      // 2.x's signed failures cannot carry an envelope code.
      signed: status === "orderStatus",
      data: null,
    }),
    meaning: "the code 47011, which no release has",
  },
  "string-code": {
    kind: "draft",
    change: (draft, { status }) => ({
      ...draft,
      text: "当前订单不存在",
      ...(status === "status" ? { code: 1, data: { code: "1" } } : { code: 20041, data: null }),
    }),
    meaning: 'the interface page\'s failure properly signed, its code the text "1"; 3.x says 20041',
  },
  "hostile-text": {
    kind: "draft",
    change: (draft, { detail: { text = HOSTILE_TEXT }, status }) => ({
      ...draft,
      code: status === "status" ? 1 : 20045,
      text,
      signed: true,
      data: null,
    }),
    meaning: "a genuine failure whose text holds markup, control characters and 2000 more characters",
  },
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

export function isFaultName(name: unknown): name is FaultName {
  return typeof name === "string" && Object.hasOwn(FAULTS, name);
}

function spoilt(right: string): string {
  return right.slice(0, -1) + (right.endsWith("0") ? "1" : "0");
}
