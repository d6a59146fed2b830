import { describe, expect, test } from "vitest";
import { amountText, yuanFrom } from "../../src/console/money.ts";

describe("yuanFrom()", () => {
  test.each([
    [0n, "0.00"],
    [5n, "0.05"],
    [100n, "1.00"],
    [123_450n, "1234.50"],
    [-5n, "-0.05"],
    [9_007_199_254_740_993n, "90071992547409.93"],
    [9_223_372_036_854_775_807n, "92233720368547758.07"],
  ])("converts %i fen exactly to %s", (fen, yuan) => {
    expect(yuanFrom(fen)).toBe(yuan);
  });
});

test("amountText() formats every digit of the largest amount", () => {
  expect(amountText(9_223_372_036_854_775_807n, "zh-CN")).toBe("¥92,233,720,368,547,758.07");
});
