import { describe, expect, test } from "vitest";
import { decodeText, likelyColumn, listFrom, numbersFrom } from "../../src/console/batch/list.ts";

function read(text: string) {
  const list = listFrom(text);
  const column = likelyColumn(list);
  return { ...column, ...numbersFrom(list, column.index), width: list.width };
}

describe("listFrom()", () => {
  test("reads lines with any line ending, without blanks and duplicates", () => {
    expect(read(" R1 \r\n\r\nR2\rR1\nR3")).toMatchObject({ numbers: ["R1", "R2", "R3"], duplicates: 1, width: 1 });
  });

  test("finds the column of a CSV table by its name", () => {
    const text = '\ufeffamount,Refund No,note\n1,R1,"a ""b"", c"\n2,R2,"two\nlines"\n';
    expect(read(text)).toMatchObject({ index: 1, kind: "refundNo", numbers: ["R1", "R2"], width: 3 });
  });

  test("finds the merchant's numbers in a Chinese table with tabs", () => {
    expect(read("金额\t商户退款号\n1\tB1\n")).toMatchObject({ index: 1, kind: "bizRefundNo", numbers: ["B1"] });
  });

  test("takes the first row of a table without column names as data", () => {
    expect(read("R1;5\nR2;6")).toMatchObject({ index: 0, kind: undefined, numbers: ["R1", "R2"] });
  });

  test.each(["", "\n\n", ",,,\n,,"])("returns no numbers for %j", (text) => {
    expect(read(text).numbers).toEqual([]);
  });

  test("does not hang on an unclosed quote", () => {
    expect(read('"R1\nR2').numbers.length).toBeGreaterThan(0);
  });

  test("reads ten thousand lines", () => {
    expect(read(Array.from({ length: 10_000 }, (_, at) => `R${at},"x"`).join("\n")).numbers).toHaveLength(10_000);
  });

  test("decodeText() reads UTF-8 and GB 18030 and rejects an image", () => {
    expect(decodeText(new Uint8Array([0xcd, 0xcb, 0xbf, 0xee]).buffer)).toBe("退款");
    expect(decodeText(new TextEncoder().encode("退款").buffer)).toBe("退款");
    expect(decodeText(new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 0xff, 0xff]).buffer)).toBeUndefined();
  });
});
