import { describe, expect, test } from "vitest";
import { decodeText, likelyColumn, listFrom, numbersFrom } from "../../src/console/batch/list.ts";

function read(text: string) {
  const list = listFrom(text);
  const column = likelyColumn(list);
  return { ...column, ...numbersFrom(list, column.index), width: list.width };
}

describe("a list of refunds", () => {
  test("lines, whatever ends them, without blanks and repetitions", () => {
    expect(read(" R1 \r\n\r\nR2\rR1\nR3")).toMatchObject({ numbers: ["R1", "R2", "R3"], repeated: 1, width: 1 });
  });

  test("a CSV table, by the name of its column", () => {
    const text = '\ufeffamount,Refund No,note\n1,R1,"a ""b"", c"\n2,R2,"two\nlines"\n';
    expect(read(text)).toMatchObject({ index: 1, kind: "refundNo", numbers: ["R1", "R2"], width: 3 });
  });

  test("a Chinese table with tabs holds the merchant's numbers", () => {
    expect(read("金额\t商户退款号\n1\tB1\n")).toMatchObject({ index: 1, kind: "bizRefundNo", numbers: ["B1"] });
  });

  test("a table without names begins with its first row", () => {
    expect(read("R1;5\nR2;6")).toMatchObject({ index: 0, kind: undefined, numbers: ["R1", "R2"] });
  });

  test.each(["", "\n\n", ",,,\n,,"])("%j holds nothing", (text) => {
    expect(read(text).numbers).toEqual([]);
  });

  test("a quote that never ends does not hang", () => {
    expect(read('"R1\nR2').numbers.length).toBeGreaterThan(0);
  });

  test("ten thousand lines are read", () => {
    expect(read(Array.from({ length: 10_000 }, (_, at) => `R${at},"x"`).join("\n")).numbers).toHaveLength(10_000);
  });

  test("text is UTF-8 or GB 18030, and a picture is no text", () => {
    expect(decodeText(new Uint8Array([0xcd, 0xcb, 0xbf, 0xee]).buffer)).toBe("退款");
    expect(decodeText(new TextEncoder().encode("退款").buffer)).toBe("退款");
    expect(decodeText(new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 0xff, 0xff]).buffer)).toBeUndefined();
  });
});
