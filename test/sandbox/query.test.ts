import { expect, test } from "vitest";
import { sign } from "../../src/sandbox/signer.ts";
import { createServer, hmac, query, send, sync } from "./client.ts";

const REFUND = {
  refundNo: "R1",
  orderNo: "P1",
  bizRefundNo: "B1",
  amount: 12_345,
  orderAmount: 99_999,
  title: "测试",
  reason: 'a "b"\\c',
  requestedAt: Date.parse("2025-08-20T10:00:00+08:00"),
};

test("2.0.8 signs the flat data of a query", async () => {
  const server = createServer("2.0.8");
  server.addRefund(REFUND);
  const signature = hmac(
    "amount=12345&bizOrderNo=BO-R1&bizRefundNo=B1&channel=wechat_pay&code=0&orderAmount=99999&orderNo=P1" +
      "&outOrderNo=OUT-R1&reason=a bc&refundNo=R1&resTime=1715576198&status=progress&title=测试&key=123456",
  );
  expect(await send(server, "R1", "query")).toBe(
    `{"msg":"success","code":0,"data":{"code":0,"msg":null,"resTime":1715576198,"sign":"${signature}","orderNo":"P1",` +
      '"bizOrderNo":"BO-R1","outOrderNo":"OUT-R1","title":"测试","refundNo":"R1","bizRefundNo":"B1","outRefundNo":null,' +
      '"channel":"wechat_pay","orderAmount":99999,"amount":12345,"reason":"a \\"b\\"\\\\c","refundTime":null,' +
      '"finishTime":null,"status":"progress","errorCode":null,"errorMsg":null},"traceId":"t6h0RaYLoa8E"}',
  );
});

test("beta4 signs inherited members last and amounts without trailing zeros", async () => {
  const server = createServer("3.0.0-beta4");
  server.addRefund(REFUND);
  const signature = hmac(
    "code=0&data={orderNo:P1,bizOrderNo:BO-R1,outOrderNo:OUT-R1,title:测试,refundNo:R1,bizRefundNo:B1," +
      "channel:wechat_pay,orderAmount:999.99,amount:123.45,reason:a bc,status:progress,appId:M8207639754663343," +
      "id:7000000000000000001,createTime:2025-08-20 10:00:00}&msg=success&resTime=2025-08-26 12:00:01" +
      "&traceId=t6h0RaYLoa8E&key=123456",
  );
  expect(await send(server, "R1", "query")).toBe(
    '{"code":0,"msg":"success","data":{"id":"7000000000000000001","createTime":"2025-08-20 10:00:00",' +
      '"appId":"M8207639754663343","orderNo":"P1","bizOrderNo":"BO-R1","outOrderNo":"OUT-R1","title":"测试",' +
      '"refundNo":"R1","bizRefundNo":"B1","outRefundNo":null,"channel":"wechat_pay","orderAmount":999.99,' +
      '"amount":123.45,"reason":"a \\"b\\"\\\\c","finishTime":null,"status":"progress","attach":null,"errorMsg":null},' +
      `"sign":"${signature}","resTime":"2025-08-26 12:00:01","traceId":"t6h0RaYLoa8E"}`,
  );
});

test("3.0.0 writes four decimals, signs none that is zero, and cuts the cents of the order's amount", async () => {
  const server = createServer("3.0.0");
  server.addRefund({ ...REFUND, amount: 10_000 });
  const signature = hmac(
    "CODE=0&DATA={ORDERID:7000000000000000001,ORDERNO:P1,OUTORDERNO:OUT-R1,BIZORDERNO:BO-R1,TITLE:测试,REFUNDNO:R1," +
      "BIZREFUNDNO:B1,CHANNEL:WECHAT_PAY,ORDERAMOUNT:999,AMOUNT:100,REASON:A BC,STATUS:PROGRESS,CLIENTIP:127.0.0.1}" +
      "&MSG=SUCCESS&RESTIME=2025-08-26 12:00:01&TRACEID=T6H0RAYLOA8E&KEY=123456",
  );
  expect(await send(server, "R1", "query")).toBe(
    '{"code":0,"msg":"success","data":{"orderId":"7000000000000000001","orderNo":"P1","outOrderNo":"OUT-R1",' +
      '"bizOrderNo":"BO-R1","title":"测试","refundNo":"R1","bizRefundNo":"B1","outRefundNo":null,' +
      '"channel":"wechat_pay","orderAmount":999,"amount":100.0000,"reason":"a \\"b\\"\\\\c","finishTime":null,' +
      '"status":"progress","attach":null,"clientIp":"127.0.0.1","errorMsg":null},' +
      `"sign":"${signature}","resTime":"2025-08-26 12:00:01","traceId":"t6h0RaYLoa8E"}`,
  );
});

/** Signatures of DaxPay's own classes over bodies of the same shape. */
test.each([
  [
    "3.0.0-beta4",
    {
      code: 0,
      msg: "success",
      data: {
        orderNo: "P1",
        refundNo: "R1",
        orderAmount: 88.88,
        amount: 1,
        reason: null,
        finishTime: "2025-01-16 10:00:01",
        status: "close",
        errorMsg: 'a"b\\c/中\n',
        appId: "123",
        id: "1876543210987654321",
        createTime: "2025-01-16 10:00:00",
      },
      resTime: "2025-01-16 10:00:02",
      traceId: "t6h0RaYLoa8E",
    },
    "eba358b6992d4c154360e84bb051f3d6299315ee9e95d55beadd538df1663757",
  ],
  [
    "3.0.0",
    {
      code: 0,
      msg: "success",
      data: {
        orderId: "1876543210987654321",
        orderNo: "P1",
        orderAmount: 88,
        amount: 100,
        finishTime: "2025-08-26 10:00:01",
        status: "close",
      },
      resTime: "2025-08-26 10:00:02",
      traceId: "t6h0RaYLoa8E",
    },
    "5767af61836540d2be439657438d9a7a052ab466c375f1693a370d0aa3a1d5c0",
  ],
])("sign() agrees with DaxPay's query of %s", (release, members, signature) => {
  const key = { algorithm: "HMAC_SHA256", secret: "123456", upperCase: release === "3.0.0" } as const;
  expect(sign(members, key)).toBe(signature);
});

const S = (code: number, text: string) => ({ code, text, signed: true });
const U = (code: number, text: string) => ({ code, text, signed: false });
const NO_NUMBER = "验证参数错误\n退款号或商户退款号不能都为空";

test.each(
  [
    ["2.0.6", U(10006, "验证参数错误\n退款号或退款ID不能都为空"), U(10010, "未查询到支付订单")],
    ["2.0.7", S(1, "退款号或=商户退款号不能都为空"), S(1, "退款订单不存在")],
    ["2.0.8", U(10006, NO_NUMBER), S(1, "退款订单不存在")],
    ["3.0.0-beta4", S(10506, NO_NUMBER), S(20041, "退款订单不存在")],
    ["3.0.0", S(10506, NO_NUMBER), S(20041, "退款订单不存在")],
  ] as const,
)("%s rejects a query without a number, and of an unknown refund", async (release, neither, unknown) => {
  const server = createServer(release);
  expect(await query(server, {})).toMatchObject(neither);
  expect(await query(server, { refundNo: "R-UNKNOWN" })).toMatchObject(unknown);
  expect(await query(server, { bizRefundNo: "" })).toMatchObject(unknown);
  if (release === "2.0.6") expect(await query(server, "R-SUCCEEDS")).toMatchObject(unknown);
});

test("a query changes nothing and needs no lock", async () => {
  const server = createServer("3.0.0", { latencyMs: 60 });
  server.addRefund({ refundNo: "R1", state: "CLOSED" });
  const running = sync(server, "R1");
  expect(await query(server, "R1")).toMatchObject({ status: "progress" });
  await running;
  for (let i = 0; i < 3; i++) expect(await query(server, "R1")).toMatchObject({ status: "close" });
  expect(server.refund("R1")).toMatchObject({ syncs: 1, queries: 4, credits: 1, refundableBalance: 6_000 });
});

test.each(["2.0.7", "2.0.8", "3.0.0-beta4", "3.0.0"] as const)(
  "%s shows a refund's way in queries",
  async (release) => {
    const server = createServer(release);
    const statuses: (string | undefined)[] = [];
    for (let i = 0; i < 3; i++) {
      statuses.push((await query(server, "R-WAITS-1")).status);
      await sync(server, "R-WAITS-1");
    }
    expect(statuses).toEqual(["progress", "progress", "success"]);
  },
);

test("a refund of the load family is in progress until its first sync", async () => {
  const server = createServer("3.0.0");
  expect(await query(server, "LOAD-1")).toMatchObject({ status: "progress" });
  await sync(server, "LOAD-1");
  expect(await query(server, "LOAD-1")).toMatchObject({ status: "success" });
  expect(await query(server, { bizRefundNo: "LOAD-1" })).toMatchObject({ status: "success" });
  expect(server.refunds()).toEqual([]);
});

test("3.x's query fails where the application is switched off, 2.x's does not", async () => {
  expect(await query(createServer("3.0.0"), "R-INTERFACE-OFF")).toMatchObject(U(20023, "商户应用未启用"));
  expect(await query(createServer("2.0.8"), "R-INTERFACE-OFF")).toMatchObject({ status: "progress" });
});
