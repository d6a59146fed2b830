import { expect, test } from "vitest";
import { Decimal, writeJson } from "../../src/sandbox/json.ts";

test.each([
  [1_000, 4, "10.0000", "10"],
  [12_345, 2, "123.45", "123.45"],
  [12_340, 4, "123.4000", "123.4"],
  [5, 2, "0.05", "0.05"],
  [0, 4, "0.0000", "0"],
  [-150, 2, "-1.50", "-1.5"],
])("Decimal of %i fen with scale %i is %s on the wire and %s where it is signed", (fen, scale, wire, plain) => {
  expect(new Decimal(fen, scale)).toMatchObject({ wire, plain });
});

test.each([
  [{ a: null, b: undefined, c: new Decimal(100, 4) }, '{"a":null,"c":1.0000}'],
  ["😀é退", String.raw`"\uD83D\uDE00é退"`],
  ["\u001b\n\u2028", '"\\u001B\\n\u2028"'],
  [String.raw`\u001b`, String.raw`"\\u001b"`],
])("writeJson() writes %j as Jackson does", (value, text) => {
  expect(writeJson(value)).toBe(text);
});
