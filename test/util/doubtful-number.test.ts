import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { doubtIn } from "../../src/util/doubtful-number.ts";

const fromCharacters = (characters: string, minLength: number) =>
  fc.array(fc.constantFrom(...characters), { minLength, maxLength: 40 }).map((all) => all.join(""));
const DIGITS = "0123456789";
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

describe("doubtIn()", () => {
  test.each([
    ["scientific", ["1.23457E+20", "1.23457E20", "2.02601E+17", "1E+20", "1.0E7", "1.23457e+20", "1,23457E+20"]],
    ["scientific", ["12.3E+18", "1.23456789012345E+020"]],
    ["error", ["#N/A", "#n/a", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "########", "Err:502"]],
    ["formula", ['="00123"', "=“00123”", "＝＂00123＂", '=""', '=HYPERLINK("x")', "=VLOOKUP(A1,B:C,2)"]],
  ])("is certain of %s in %j", (kind, numbers) => {
    for (const number of numbers) expect({ number, ...doubtIn(number) }).toMatchObject({ number, kind, certain: true });
  });

  test.each([
    ["scientific", ["1E20", "1e17"]],
    ["formula", ["=A1", "="]],
    ["rounded", ["123456789012345000000", "1234567890123450", "202405105317630000"]],
    ["date", ["2026/1/3", "2026-01-03", "2026年1月3日", "2026/1/3 12:00:00", "1/3/2026", "3-Jan", "Jan-26", "1月3日"]],
    ["date", ["12:30"]],
    ["amount", ["123456.0", "1.00", "1,234,567", "¥5.00"]],
    ["heading", ["合计", "总计：3", "Total", "退款流水"]],
    ["placeholder", ["0", "--", "null", "N/A", "NaN"]],
  ])("suspects %s in %j", (kind, numbers) => {
    for (const number of numbers) {
      expect({ number, ...doubtIn(number) }).toMatchObject({ number, kind, certain: false });
    }
  });

  test.each([
    "DEVR24051053176300000000",
    "1234567890123456",
    "123456789012345",
    "12345678901234500001",
    "00000000123450000000",
    "3E00000000012345",
    "12E34",
    "1.5E2",
    "1E-5",
    "E+20",
    "R1.2E+20",
    "1.2E+20X",
    "R=1",
    "#123",
    "R#N/A",
    "2026-1",
    "V1.0",
    "1.2.3.4",
    "total1",
    "MARCH1",
    "退款-二〇二五，１号",
    "退款1",
  ])("finds no doubt in %s", (number) => {
    expect(doubtIn(number)).toBeUndefined();
  });

  test("is never certain of letters and digits", () => {
    fc.assert(
      fc.property(fromCharacters(DIGITS + LETTERS, 0), (number) => {
        expect(doubtIn(number)?.certain ?? false).toBe(false);
      }),
    );
    // Mostly digits, so that some look like 1E20.
    fc.assert(
      fc.property(fromCharacters(`${DIGITS}Ee`, 1), (number) => {
        expect(doubtIn(number)?.certain ?? false).toBe(false);
      }),
    );
  });

  test("is certain of every rounded number as spreadsheets and JavaScript write it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 15, max: 40 }), fc.integer({ min: 1, max: 10 }), fc.nat(), (size, digits, seed) => {
        const number = Number(`${1 + seed % 9}${String(seed).padEnd(size, "7")}`).toExponential(digits).toUpperCase();
        expect({ number, ...doubtIn(number) }).toMatchObject({ number, kind: "scientific", certain: true });
      }),
    );
  });

  test("takes time in proportion to the length", () => {
    const start = performance.now();
    for (const part of ["1,", "1.", "1", "0", "=(", "合", "#", "jan"]) doubtIn(part.repeat(50_000));
    expect(performance.now() - start).toBeLessThan(1000);
  });
});
