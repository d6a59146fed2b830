import { describe, expect, test } from "vitest";
import { type Json, parseJson } from "../../src/daxpay/json.ts";
import { type Algorithm, sign, signedMembers, verify } from "../../src/daxpay/sign.ts";
import vectors from "../vectors.json" with { type: "json" };

/** The bodies that DaxPay 3.x sends for the strings of the vectors that have no members. */
const ENVELOPES: Readonly<Record<string, string>> = {
  "success, 3.0.0-beta4":
    '{"code":0,"msg":"success","data":{"orderStatus":"success","adjust":true},"sign":null,"resTime":"2025-08-26 12:00:01","traceId":"t6h0RaYLoa8E"}',
  "SM3, 3.0.0-beta4":
    '{"code":0,"msg":"success","data":{"orderStatus":"success","adjust":true},"sign":null,"resTime":"2025-08-26 12:00:01","traceId":"t6h0RaYLoa8E"}',
  "success, 3.0.0":
    '{"code":0,"msg":"success","data":{"orderStatus":"success","adjust":true},"sign":null,"resTime":"2025-08-26 12:00:01","traceId":"t6h0RaYLoa8E"}',
  "failure, 3.0.0: no resTime, no traceId":
    '{"code":20041,"msg":"未查询到退款订单","data":null,"sign":null,"resTime":null,"traceId":null}',
  "documentation example, data in received order":
    '{"code":0,"msg":"success","data":{"refundNo":"DEV_R2025041011160870000002","bizRefundNo":"R91379","status":"success"},"sign":null,"resTime":"2025-04-10 11:16:10","traceId":"t6h0RaYLoa8E"}',
};

function membersOf(vector: typeof vectors[number]) {
  const body = vector.members ? JSON.stringify(vector.members) : ENVELOPES[vector.name];
  return signedMembers(objectFrom(body));
}

function objectFrom(text: string) {
  const json: Json = parseJson(text);
  if (json.type !== "object") throw new TypeError(`expected an object, got ${json.type}`);
  return json;
}

describe("sign()", () => {
  for (const vector of vectors) {
    const rule = { algorithm: vector.algorithm as Algorithm, upperCase: vector.release === "3.0.0" };
    const members = membersOf(vector);
    if (vector.verifies) {
      test(`gives DaxPay's own signature: ${vector.name} (${vector.release})`, () => {
        expect(sign(members, vector.secret, rule)).toBe(vector.sign);
        expect(verify(members, vector.sign, vector.secret, rule)).toBe(true);
        expect(verify(members, vector.sign.toUpperCase(), vector.secret, rule)).toBe(true);
      });
    } else {
      test(`rejects: ${vector.name}`, () => {
        expect(verify(members, vector.sign, vector.secret, rule)).toBe(false);
      });
    }
  }

  const md5 = { algorithm: "MD5", upperCase: false } as const;
  // Digests of the literal strings, by coreutils' md5sum.
  test("deletes quotes and backslashes from the members, and keeps those of the secret", () => {
    // printf 'msg=abc&key=s"\\' | md5sum
    expect(sign([["msg", 'a"b\\c']], 's"\\', md5)).toBe("bd9e57f9545ecddeeeefa64ab487736e");
  });
  test("keeps the empty text, leaves out null and empty lists", () => {
    const members = signedMembers(objectFrom('{"b":"","a":null,"c":[],"d":false,"e":0}'));
    expect(members).toEqual([["b", ""], ["d", "false"], ["e", "0"]]);
  });
  test("sorts by UTF-16 and leaves the signature out", () => {
    // printf 'B=1&a=2&b=3&key=k' | md5sum
    expect(sign([["b", "3"], ["sign", "x"], ["a", "2"], ["B", "1"]], "k", md5)).toBe(
      "5d78909038acb120a7fc0c1932c41a9a",
    );
  });
  test("keeps the text of numbers and the order of nested members, and drops nested nulls", () => {
    const members = signedMembers(
      objectFrom('{"n":1.50,"data":{"2":1,"1":10000000000000000000001,"x":null,"y":"a\\nb"}}'),
    );
    expect(members).toEqual([["n", "1.50"], ["data", '{"2":1,"1":10000000000000000000001,"y":"a\\nb"}']]);
  });

  for (const wrong of ["", "a375", "g".repeat(64), "é".repeat(64), "\0"]) {
    test(`verify() rejects ${JSON.stringify(wrong.slice(0, 8))} without throwing`, () => {
      expect(verify([["a", "1"]], wrong, "k", { algorithm: "HMAC_SHA256", upperCase: false })).toBe(false);
    });
  }
});
