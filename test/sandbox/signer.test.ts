import { expect, test } from "vitest";
import { type Algorithm, type Members, sign } from "../../src/sandbox/signer.ts";
import vectors from "../vectors.json" with { type: "json" };

const key = (algorithm: string, release = "") => ({
  algorithm: algorithm as Algorithm,
  secret: "123456",
  upperCase: release === "3.0.0",
});

for (const { name, members, algorithm, release, verifies, sign: expected } of vectors) {
  if (!members) continue;
  test(`sign: ${name}`, () => {
    const found = sign(members as Members, key(algorithm, release));
    if (verifies) expect(found).toBe(expected);
    else expect(found).not.toBe(expected);
  });
}

const success = {
  code: 0,
  msg: "success",
  data: { orderStatus: "success", adjust: true },
  sign: null,
  resTime: "2025-08-26 12:00:01",
  traceId: "t6h0RaYLoa8E",
};

test.each([
  ["success, 3.0.0-beta4", success, "029ba3d54cb820c571b22da76e1f959ea55ecaf93402970d0db3b8f3bbb3db35"],
  ["SM3, 3.0.0-beta4", success, "2c3b8b12ec423a6d3525064edc8fbdaf57bb39fe76761ac3fef4d6bdecaa3bb9"],
  ["success, 3.0.0", success, "2967fed91c1a66731f4aab159a18fe084f79e9b402ac06113e7cc7747e3b2372"],
  [
    "failure, 3.0.0: no resTime, no traceId",
    { code: 20041, msg: "未查询到退款订单", data: null, sign: null, resTime: null, traceId: null },
    "0b12bc95e6804844dae98713f6bbfe4c41d43955aed21bb3e0a4be527d9506e3",
  ],
  [
    "documentation example, data in received order",
    {
      code: 0,
      msg: "success",
      data: { refundNo: "DEV_R2025041011160870000002", bizRefundNo: "R91379", status: "SUCCESS", attach: null },
      resTime: "2025-04-10 11:16:10",
      traceId: "t6h0RaYLoa8E",
    },
    "eb086247f42a6c8c7f12e24a2e06fa7d",
  ],
])("sign: envelope of %s", (name, members, expected) => {
  const vector = vectors.find((vector) => vector.name === name);
  expect(vector?.sign).toBe(expected);
  expect(sign(members, key(vector?.algorithm ?? "", vector?.release))).toBe(expected);
});

test("sign: removes quotes and backslashes of plain values", () => {
  // MD5 of `msg=abc&key=123456`
  expect(sign({ msg: 'a"b\\c' }, key("MD5"))).toBe("5891aceb8b206b0fed30946859c3d411");
});
