import fc from "fast-check";
import { expect, test } from "vitest";
import { type Json, parseJson } from "../../src/daxpay/json.ts";

function members(text: string): [string, Json][] {
  const json = parseJson(text);
  if (json.type !== "object") throw new TypeError(`expected an object, got ${json.type}`);
  return [...json.members];
}

test("parseJson() reads a value alike however it is spaced", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const read = (text: string) => {
      try {
        return parseJson(text);
      } catch (error) {
        return (error as SyntaxError).message;
      }
    };
    expect(read(JSON.stringify(value))).toEqual(read(JSON.stringify(value, null, 1)));
  }));
});

test.each(["1", "1.0", "-0", "1e2", "10000000000000000000001", "0.1", "1E400"])(
  "parseJson() keeps the text of %s",
  (number) => {
    expect(members(`{"n":${number}}`)).toEqual([["n", { type: "number", text: number }]]);
  },
);

test.each(['{"b":1,"2":2,"1":3}', '{"b": 1, "2": 2, "1": 3}'])("parseJson() keeps the order of members: %s", (text) => {
  expect(members(text).map(([name]) => name)).toEqual(["b", "2", "1"]);
});

test.each([
  ['{"code":0,"code":0}', "code"],
  ['{"code":0,"CODE":0}', "CODE"],
  ['{"code":0, "CODE":0}', "CODE"],
  ['{"a":{"data":1,"Data":2}}', "Data"],
])("parseJson() rejects two members of one name: %s", (text, name) => {
  expect(() => parseJson(text)).toThrow(new SyntaxError(`two members named "${name}"`));
});

test.each(['{"__proto__":{"code":0}}', '{"__proto__": {"code": 0}}'])(
  "parseJson() reads __proto__ as any other member: %s",
  (text) => {
    expect(members(text).map(([name]) => name)).toEqual(["__proto__"]);
  },
);

test.each(["[", "{"])("parseJson() rejects what is nested too deeply, in %s", (open) => {
  const depth = 10_000;
  const text = open === "[" ? "[".repeat(depth) + "]".repeat(depth) : '{"a":'.repeat(depth) + "0" + "}".repeat(depth);
  expect(() => parseJson(text)).toThrow("nested too deeply");
});
