import { afterEach, expect, test } from "vitest";
import type { ReleaseName } from "../../src/sandbox/release.ts";
import { createServer, pathOf, post, send, type Started, startSandbox } from "./client.ts";

let sandbox: Started | undefined;
afterEach(() => sandbox?.close());

const PAGE_REQUEST = '{"refundNo":"DEVR24051020531763000004","clientIp":"127.0.0.1",' +
  '"sign":"a375e5517062966dab81b84fec9586a4f88e38f1385f6350ce200a27d32190d7","reqTime":1715575932}';
const PAGE_REPLY = '{"msg":"success","code":0,"data":{"code":0,"msg":null,"resTime":1715576198,"sign":' +
  '"913e925dcda0f68787b8ade8c0c34064a0b71cd008ba3377b42333c0da0c9df9","status":"pay_not_found"},"traceId":"t6h0RaYLoa8E"}';

test.each(["documented", "2.0.6", "2.0.7"] as const)("%s answers the interface page's own request", async (release) => {
  sandbox = await startSandbox(release);
  const reply = await post(sandbox, pathOf(release), PAGE_REQUEST);
  expect(reply.headers.get("content-type")).toBe("application/json");
  expect(reply.headers.get("transfer-encoding")).toBe("chunked");
  expect(reply.headers.get("date")).toBe("Mon, 13 May 2024 04:56:38 GMT");
  expect(await reply.text()).toBe(PAGE_REPLY);
});

const success2 = (sign: string) =>
  `{"msg":"success","code":0,"data":{"code":0,"msg":null,"resTime":1715576198,"sign":"${sign}",` +
  '"status":"refund_success"},"traceId":"t6h0RaYLoa8E"}';
const success3 = (sign: string) =>
  `{"code":0,"msg":"success","data":{"orderStatus":"success","adjust":true},"sign":"${sign}",` +
  '"resTime":"2025-08-26 12:00:01","traceId":"t6h0RaYLoa8E"}';

test.each<[ReleaseName, string]>([
  ["documented", success2("d865ca94497b70553f54c59c70aa6c252b47892b1d0f891fa20bfa7e2daa05a2")],
  ["2.0.8", success2("d865ca94497b70553f54c59c70aa6c252b47892b1d0f891fa20bfa7e2daa05a2")],
  ["3.0.0-beta4", success3("029ba3d54cb820c571b22da76e1f959ea55ecaf93402970d0db3b8f3bbb3db35")],
  ["3.0.0", success3("2967fed91c1a66731f4aab159a18fe084f79e9b402ac06113e7cc7747e3b2372")],
])("%s returns a success", async (release, expected) => {
  const server = createServer(release);
  const first = await send(server, "R-SUCCEEDS");
  if (release.startsWith("3")) expect(first).toContain('"data":{"orderStatus":"success","adjust":false}');
  expect(await send(server, "R-SUCCEEDS")).toBe(expected);
});

test.each<[ReleaseName, string]>([
  [
    "2.0.6",
    '{"msg":"success","code":0,"data":{"code":1,"msg":"未查询到退款订单","resTime":1715576198,"sign":' +
    '"db40bd6a5a52138f395fe67db83e00348eec5c4f9a450ac908f7dbaa8099fd72"},"traceId":"t6h0RaYLoa8E"}',
  ],
  [
    "3.0.0",
    '{"code":20041,"msg":"未查询到退款订单","data":null,"sign":' +
    '"0b12bc95e6804844dae98713f6bbfe4c41d43955aed21bb3e0a4be527d9506e3","resTime":null,"traceId":null}',
  ],
])("%s returns an unknown refund", async (release, expected) => {
  const server = createServer(release);
  expect(await send(server, "R00123")).toBe(expected);
});

test.each<[ReleaseName, string, string]>([
  [
    "3.0.0-beta4",
    '{"appId":"M8207639754663343","clientIp":"127.0.0.1","nonceStr":"d112892e382a7093",' +
    '"refundNo":"DEV_R2025041011160870000002","reqTime":"2025-08-26 12:00:00",' +
    '"sign":"547870f0a5141ecbc62066fdb416abd4a24391c6704c1338d869d3f424daf222"}',
    '"code":20041,',
  ],
  [
    "3.0.0",
    '{"appId":"M8207639754663343","clientIp":"127.0.0.1","mchNo":"M1745845174843","nonceStr":"d112892e382a7093",' +
    '"refundNo":"DEV_R2025041011160870000002","reqTime":"2025-08-26 12:00:00",' +
    '"sign":"b6cefb11543c8597b27b2577b6dbbfe0e499559224d0dce54693aa9e0bce4e5d"}',
    '"code":20041,',
  ],
])("%s accepts the request of its vector", async (release, request, expected) => {
  const server = createServer(release);
  expect(await (await post(server, pathOf(release), request)).text()).toContain(expected);
});

/** The request vector of each release signed with another algorithm, and the algorithm of the reply. */
test.each(
  [
    ["2.0.8", "MD5", "3bb4db8c25a30a3a360e055b9f9fc453"],
    ["3.0.0-beta4", "SM3", "2c3b8b12ec423a6d3525064edc8fbdaf57bb39fe76761ac3fef4d6bdecaa3bb9"],
  ] as const,
)("%s with %s signs its replies with it", async (release, signType, expected) => {
  const server = createServer(release, { signType });
  const { createHash } = await import("node:crypto");
  const [text, request] = release === "2.0.8"
    ? ["refundNo=R-SUCCEEDS&reqTime=1715576198&key=123456", { reqTime: 1715576198 }]
    : [
      "appId=M8207639754663343&refundNo=R-SUCCEEDS&reqTime=2025-08-26 12:00:00&key=123456",
      { appId: "M8207639754663343", reqTime: "2025-08-26 12:00:00" },
    ];
  const sign = createHash(signType.toLowerCase()).update(text).digest("hex");
  const body = JSON.stringify({ refundNo: "R-SUCCEEDS", ...request, sign });
  await post(server, pathOf(release), body);
  expect(await (await post(server, pathOf(release), body)).text()).toContain(`"sign":"${expected}"`);
});

test("3.0.0 with SM3 computes MD5", async () => {
  const server = createServer("3.0.0", { signType: "SM3" });
  // MD5 of APPID=M8207639754663343&MCHNO=M1745845174843&REFUNDNO=R-SUCCEEDS&REQTIME=2025-08-26 12:00:00&KEY=123456
  const request = { appId: "M8207639754663343", mchNo: "M1745845174843", refundNo: "R-SUCCEEDS" };
  const body = { ...request, reqTime: "2025-08-26 12:00:00", sign: "4081f59db5f66a0d2a809c5d5a20c71b" };
  const reply = await post(server, pathOf("3.0.0"), JSON.stringify(body));
  expect(await reply.text()).toContain('"orderStatus":"success"');
});
