export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  /** By lower-case name. */
  readonly header: (name: string) => string | undefined;
  readonly body: string;
}

/** A whole HTTP response. */
export interface HttpResponse {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export const JSON_TYPE = "application/json";
export const HTML_TYPE = "text/html;charset=utf-8";

/** A request that no handler of the release serves. */
export interface UnservedRequest {
  readonly method: string;
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly traceId: () => string;
  readonly profile: Profile;
  /** 4.x: translates a text for the caller. */
  readonly localized: (text: string) => string;
}

/** Spring's profile. beta4 lets the development profile past its login filter. */
export type Profile = "prod" | "dev";

/** 2.x: a path without a handler ends in Spring Boot's own error page. */
export function unserved500({ path, now }: UnservedRequest): HttpResponse {
  const timestamp = new Date(now).toISOString().replace("Z", "+00:00");
  const page = path === "/error"
    ? { timestamp, status: 999, error: "None" }
    : { timestamp, status: 500, error: "Internal Server Error", path };
  return { status: 500, type: JSON_TYPE, body: JSON.stringify(page) };
}

/** beta4: the login filter refuses a path that it does not know. */
export function unserved200({ profile, traceId }: UnservedRequest): HttpResponse {
  return profile === "dev"
    ? platformError(200, 10404, "页面或资源不存在", traceId())
    : platformError(200, 1, "未登录或不拥有改请求路径的请求权限", traceId());
}

/** 3.0.0: the same with an HTTP status; only a few paths are exempt from the login. */
export function unserved401({ path, traceId }: UnservedRequest): HttpResponse {
  return path === "/favicon.ico"
    ? platformError(404, 10404, "页面或资源不存在", traceId())
    : platformError(401, 10401, "用户未登录", traceId());
}

/** 4.x: an unknown path is not found, without a login. */
export function unserved404({ localized }: UnservedRequest): HttpResponse {
  return {
    status: 404,
    type: JSON_TYPE,
    body: JSON.stringify({ message: localized("资源不存在"), code: 10404, data: null }),
  };
}

/** 4.x: also serves the unsigned check of the deployment (UnipayPingController). */
export function servePing(request: UnservedRequest): HttpResponse {
  return request.method === "GET" && request.path === "/unipay/callback/ping"
    ? { status: 200, type: "text/plain;charset=UTF-8", body: "daxpay-ping:unipay-callback" }
    : unserved404(request);
}

function platformError(status: number, code: number, msg: string, traceId: string): HttpResponse {
  return { status, type: JSON_TYPE, body: JSON.stringify({ msg, code, data: null, traceId }) };
}

/** An HTML page as a proxy in front of DaxPay shows it. */
export function html(status: number, title: string, headers?: HttpResponse["headers"]): HttpResponse {
  return {
    status,
    type: HTML_TYPE,
    body:
      `<html>\r\n<head><title>${title}</title></head>\r\n<body><center><h1>${title}</h1></center></body>\r\n</html>`,
    headers,
  };
}
