/** A whole HTTP answer. */
export interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export const JSON_TYPE = "application/json";
export const HTML_TYPE = "text/html;charset=utf-8";

/** 2.x: a path without a handler ends in Spring Boot's own error page. */
export function error500(path: string, now: number): Page {
  const timestamp = new Date(now).toISOString().replace("Z", "+00:00");
  return {
    status: 500,
    type: JSON_TYPE,
    body: JSON.stringify({ timestamp, status: 500, error: "Internal Server Error", path }),
  };
}

/** beta4: the login filter turns away a path that it does not know. */
export function unauthorised200(): Page {
  return {
    status: 200,
    type: JSON_TYPE,
    body: JSON.stringify({ msg: "未登录或不拥有改请求路径的请求权限", code: 1, data: null }),
  };
}

/** 3.0.0: the same with an HTTP status. */
export function error401(): Page {
  return { status: 401, type: JSON_TYPE, body: JSON.stringify({ msg: "用户未登录", code: 10401, data: null }) };
}

/** An HTML page as a proxy in front of DaxPay shows it. */
export function html(status: number, title: string, headers?: Page["headers"]): Page {
  return {
    status,
    type: HTML_TYPE,
    body:
      `<html>\r\n<head><title>${title}</title></head>\r\n<body><center><h1>${title}</h1></center></body>\r\n</html>`,
    headers,
  };
}
