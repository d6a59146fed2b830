import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ambiguityOf, flattenedString, joined } from "../../src/daxpay/flatten.ts";
import type { Json, JsonObject } from "../../src/daxpay/json.ts";
import { verifyRsa } from "../../src/daxpay/rsa.ts";
import { objectOf, PLATFORM_PUBLIC, publicKeyOf, signer, V4, vector } from "./v4.ts";

/** Without the check of names, which rejects the vector whose members differ only in case. */
function looseObject(text: string): JsonObject {
  const from = (value: unknown): Json => {
    if (value === null) return { type: "null" };
    if (Array.isArray(value)) return { type: "array", items: value.map(from) };
    switch (typeof value) {
      case "boolean":
        return { type: "boolean", value };
      case "number":
        return { type: "number", text: String(value) };
      case "string":
        return { type: "string", value };
    }
    return {
      type: "object",
      members: new Map(Object.entries(value as object).map(([name, one]) => [name, from(one)])),
    };
  };
  return from(JSON.parse(text)) as JsonObject;
}

const strings = V4.vectors.filter(({ stringToSign }) => stringToSign !== undefined);

describe("flattenedString() of DaxPay's vectors", () => {
  test.each(strings)("$name", ({ body, stringToSign }) => {
    expect(flattenedString(looseObject(body))).toBe(stringToSign);
  });
  test.each(V4.golden.vectors)("golden $name", ({ input, stringToSign, sign }) => {
    expect(flattenedString(objectOf(input))).toBe(stringToSign);
    expect(verifyRsa(stringToSign, sign, [publicKeyOf(V4.golden.publicKey)])).toBe(true);
  });
});

describe("createSigner() of 4.0.0-beta", () => {
  const requests = V4.vectors.filter(({ kind }) => kind === "request");
  test.each(requests)("signs the request $name as DaxPay's SDK does", ({ body, sign }) => {
    expect(signer.sign(Object.entries(JSON.parse(body) as Record<string, string>))).toBe(sign);
  });
  const replies = V4.vectors.filter(({ kind, valid, sign }) => kind === "reply" && (valid || sign));
  test.each(replies)("verifies the reply $name only if it is genuine", ({ body, sign = "", valid }) => {
    expect(signer.verify(looseObject(body), sign, { trimZeros: false, superclassLast: [] }) !== undefined).toBe(valid);
  });
});

describe("flattenedString() writes", () => {
  const cases = [
    [
      "numbers without trailing zeros and exponents",
      '{"a":1.50,"b":1.0E2,"c":0.00,"d":9007199254740993}',
      "a=1.5&b=100&c=0&d=9007199254740993",
    ],
    ["no nulls in lists, and moves up what follows", '{"a":[null,1,null,2]}', "a[0]=1&a[1]=2"],
    ["no empty objects and lists", '{"a":{},"b":[],"c":[{}],"d":""}', "d="],
    ["names in the order of their UTF-16 units", '{"b":1,"B":2}'.replace('"B"', '"A"'), "A=2&b=1"],
    ["every member but the signature", '{"SIGN":"x","data":{"sign":"y"}}', "data.sign=y"],
    ["quotes and backslashes as they are", String.raw`{"a":"\"\\n"}`, String.raw`a="\n`],
  ] as const;
  test.each(cases)("%s", (_name, body, expected) => expect(flattenedString(objectOf(body))).toBe(expected));
});

describe("verifyRsa() rejects a signature", () => {
  const { stringToSign = "", sign = "" } = vector("sync-progress");
  const spellings = [
    ["without padding", sign.replace(/=+$/, "")],
    ["with a line break", `${sign.slice(0, 76)}\n${sign.slice(76)}`],
    ["with a space at its end", `${sign} `],
    ["in the URL-safe alphabet", sign.replaceAll("+", "-").replaceAll("/", "_")],
    ["that is empty", ""],
    ["that is cut off", sign.slice(0, 340)],
  ] as const;
  test("in no other spelling", () => expect(verifyRsa(stringToSign, sign, [PLATFORM_PUBLIC])).toBe(true));
  test.each(spellings)("%s", (_name, text) => {
    expect(verifyRsa(stringToSign, text, [PLATFORM_PUBLIC])).toBe(false);
  });
  test("by another key", () => {
    const merchant = publicKeyOf(V4.keys.merchant.publicSpki);
    expect(verifyRsa(stringToSign, sign, [merchant])).toBe(false);
    expect(verifyRsa(stringToSign, sign, [merchant, PLATFORM_PUBLIC])).toBe(true);
  });
});

/** Texts and names that are made to collide. */
const text = fc.array(
  fc.constantFrom("a", "&", "=", ".", "[0]", "&data.", "orderStatus=", "success", "&msg=", "&reqId=", "data", "x"),
  { maxLength: 5 },
).map((parts) => parts.join(""));
const name = fc.oneof(fc.constantFrom("orderStatus", "adjust", "reason", "tradeNo", "list"), text);
const scalar = fc.oneof(text, fc.boolean(), fc.constant(null), fc.nat(9));
const data = fc.dictionary(name, fc.oneof(scalar, fc.array(scalar, { maxLength: 2 })), { maxKeys: 4 });
const reply = fc.record({ code: fc.constant(0), msg: text, data, reqId: text }, { requiredKeys: ["code"] });

/** The members that a reader believes, by their paths. */
function believed(object: JsonObject): Record<string, string> {
  const members = object.members.get("data");
  const all = [...object.members, ...(members?.type === "object" ? members.members : [])];
  return Object.fromEntries(
    all.flatMap(([one, value]) =>
      ["orderStatus", "reqId", "adjust"].includes(one) && (value.type === "string" || value.type === "boolean")
        ? [[one, String(value.value)]]
        : []
    ),
  );
}

describe("ambiguityOf()", () => {
  test("rejects every reply that shares its string with another one of other members", () => {
    const seen = new Map<string, Record<string, string>>();
    let shared = 0;
    fc.assert(
      fc.property(reply, (value) => {
        const object = looseObject(JSON.stringify(value));
        if (ambiguityOf(object)) return;
        const string = flattenedString(object);
        const before = seen.get(string);
        if (before) {
          shared++;
          expect(believed(object)).toEqual(before);
        }
        seen.set(string, believed(object));
      }),
      { numRuns: 20_000 },
    );
    expect(shared).toBeGreaterThan(0);
  });

  test("rejects whatever is cut out of a genuine string in another way", () => {
    const genuine = objectOf(vector("query-success-numbers").body);
    const string = flattenedString(genuine);
    // Where two members are made one, the second one is part of the first one's text.
    const boundaries = [...string.matchAll(/&(?:data\.\w+|msg|reqId|resTime)=/g)].map(({ index }) => index);
    expect(boundaries.length).toBeGreaterThan(10);
    for (const boundary of boundaries) {
      const start = string.lastIndexOf("=", boundary);
      const swallowed = { code: 0, data: { x: string.slice(start + 1) } };
      expect(ambiguityOf(objectOf(JSON.stringify(swallowed)))).toEqual(expect.any(String));
    }
  });

  test("accepts genuine replies, also with & and = in their texts", () => {
    for (const one of ["sync-progress", "query-success-numbers", "query-success-strings", "error-unknown-refund"]) {
      expect(ambiguityOf(objectOf(vector(one).body))).toBeUndefined();
    }
    expect(ambiguityOf(objectOf('{"code":0,"data":{"reason":"a&b=c [1.5]"}}'))).toBeUndefined();
  });

  test.each(["same-string-other-shape", "same-string-injected"])("rejects %s", (one) => {
    expect(ambiguityOf(objectOf(vector(one).body))).toEqual(expect.any(String));
  });
});

test("joined() keeps texts as they are and leaves the signature out", () => {
  expect(joined([["b", "&="], ["sign", "x"], ["a", ""]])).toBe("a=&b=&=");
});
