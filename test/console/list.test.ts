import { Buffer } from "node:buffer";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { numberIn } from "../../src/console/batch/cell.ts";
import { decodeText, listFrom } from "../../src/console/batch/list.ts";
import { select } from "../../src/console/batch/selection.ts";

/** What the page takes from a list before the user changes anything. */
function read(text: string) {
  const list = listFrom(text);
  return { ...list, ...select(list, list.likelyColumn) };
}

const reasons = (skipped: readonly { readonly line: number; readonly reason: string }[]) =>
  skipped.map(({ line, reason }) => [line, reason]);

describe("listFrom()", () => {
  test("reads lines with any line ending, without blanks and duplicates", () => {
    const { skipped, ...list } = read(" R1 \r\n\r\nR2\rR1\nR3");
    expect(list).toMatchObject({ numbers: ["R1", "R2", "R3"], width: 1, doubtful: [] });
    expect(skipped).toMatchObject([{ line: 4, text: "R1", reason: "duplicate" }]);
  });

  test.each([
    "DEVR001,DEVR002,DEVR003",
    "DEVR001, DEVR002, DEVR003,",
    "DEVR001，DEVR002，DEVR003",
    "DEVR001、DEVR002、DEVR003",
    "DEVR001;DEVR002；DEVR003",
    "DEVR001\tDEVR002\tDEVR003",
    "DEVR001 DEVR002　DEVR003",
    "DEVR001、DEVR002 DEVR003",
    '"DEVR001", "DEVR002", "DEVR003"',
    "'DEVR001', 'DEVR002', 'DEVR003'",
    "“DEVR001”，“DEVR002”，“DEVR003”",
    "ＤＥＶＲ００１，ＤＥＶＲ００２，ＤＥＶＲ００３",
    "DEVR001,DEVR002\nDEVR003",
    "DEVR001\nDEVR002,DEVR003",
    "DEVR001 DEVR002\r\nDEVR003\r\n",
    "DEVR001,\nDEVR002,\nDEVR003",
  ])("reads every number of %j", (text) => {
    expect(read(text)).toMatchObject({ numbers: ["DEVR001", "DEVR002", "DEVR003"], doubtful: [], skipped: [] });
  });

  test("reads every column where all cells are alike", () => {
    expect(read("DEVR001,DEVR002\nDEVR003,DEVR004")).toMatchObject({
      likelyColumn: "all",
      numbers: ["DEVR001", "DEVR002", "DEVR003", "DEVR004"],
    });
  });

  test("keeps blanks within the merchant's numbers", () => {
    expect(read("Order 12\nOrder 13").numbers).toEqual(["Order 12", "Order 13"]);
  });

  test("finds the column of a CSV table by its name", () => {
    const text = '\ufeffamount,Refund No,note\n1,R1,"a ""b"", c"\n2,R2,"two\nlines"\n3,R3,\n';
    const { skipped, ...list } = read(text);
    expect(list).toMatchObject({ likelyColumn: 1, likelyKind: "refundNo", numbers: ["R1", "R2", "R3"], width: 3 });
    expect(reasons(skipped)).toEqual([[1, "header"]]);
    expect(list.rows.map(({ line }) => line)).toEqual([2, 3, 5]);
  });

  test("finds the merchant's numbers in a Chinese table with tabs", () => {
    expect(read("金额\t商户退款号\n1\tB1\n")).toMatchObject({
      likelyColumn: 1,
      likelyKind: "bizRefundNo",
      numbers: ["B1"],
    });
  });

  test("prefers the named column that is filled most", () => {
    const text = "refund_no,biz_refund_no,reason\nR1,B1,\n,B2,REFUND_NOT_FOUND\n,B3,REFUND_NOT_FOUND\n";
    expect(read(text)).toMatchObject({ likelyKind: "bizRefundNo", numbers: ["B1", "B2", "B3"] });
  });

  test("reads columns that blanks separate", () => {
    expect(read("退款号  金额\nR1   5\nR2   6")).toMatchObject({ likelyColumn: 0, numbers: ["R1", "R2"] });
  });

  test("takes the first row of a table without column names as data", () => {
    expect(read("R1;5\nR2;6")).toMatchObject({ likelyColumn: 0, likelyKind: undefined, numbers: ["R1", "R2"] });
  });

  test.each([
    ["流水号\nR1\nR2", [[1, "header"]]],
    ["id,sum\nR1,5\nR2,6", [[1, "header"]]],
    ["退款明细\n2026年1月\n退款号,金额\nR1,5\nR2,6", [[1, "title"], [2, "title"], [3, "header"]]],
    ["退款号,金额\nR1,5\n退款号,金额\nR2,6", [[1, "header"], [3, "header"]]],
    ["sep=;\r\n金额;退款号\r\n1;R1\r\n2;R2\r\n", [[1, "separator"], [2, "header"]]],
    ["sep=^\nR1^5\nR2^6", [[1, "separator"]]],
    ["# refunds, of Monday\nR1\n #R3\nR2", [[1, "comment"], [3, "comment"]]],
    ["退款号,金额\nR1,5\n,5\nR2,6", [[1, "header"], [3, "empty"]]],
    ['R1\nR2\n"R3\nR4"', [[3, "lineBreak"]]],
  ])("reads R1 and R2 in %j and says what it skips", (text, skipped) => {
    const found = read(text);
    expect(found.numbers).toEqual(["R1", "R2"]);
    expect(reasons(found.skipped)).toEqual(skipped);
  });

  test("takes R-CLOSED for a number, not for a column name", () => {
    expect(read("R-CLOSED\nLOAD-1\nWAIT9-2").numbers).toEqual(["R-CLOSED", "LOAD-1", "WAIT9-2"]);
  });

  test("reads a WeChat Pay bill, whose merchant is DaxPay", () => {
    const { skipped, ...list } = read(
      "\ufeff交易时间,公众账号ID,商户号,微信订单号,商户订单号,微信退款单号,商户退款单号,退款金额,退款状态\r\n" +
        "`2026-11-01 10:00:00,`wx0000,`1900000000,`4200000001,`P20261101,`50300000001,`R20261101001,`1.00,`SUCCESS\r\n" +
        "`2026-11-01 10:00:01,`wx0000,`1900000000,`4200000002,`P20261102,`0,`0,`0.00,`\r\n" +
        "`2026-11-01 10:00:02,`wx0000,`1900000000,`4200000003,`P20261103,`50300000002,`R20261101002,`2.00,`PROCESSING\r\n" +
        "总交易单数,应结订单总金额,退款总金额\r\n`2,`3.00,`3.00\r\n",
    );
    expect(list).toMatchObject({
      likelyColumn: 6,
      likelyKind: "refundNo",
      numbers: ["R20261101001", "R20261101002"],
      doubtful: [{ line: 3, number: "0", reason: "placeholder" }],
    });
    expect(reasons(skipped)).toEqual([[1, "header"], [5, "empty"], [6, "empty"]]);
  });

  test("reads an Alipay bill with its comments and a tab after every number", () => {
    const { skipped, ...list } = read(
      "#支付宝业务明细查询\r\n#账号：[20880000000000000156]\r\n#--------业务明细列表--------\r\n" +
        "支付宝交易号,商户订单号,业务类型,退款批次号/请求号,备注\r\n" +
        "2026110122001400000\t,P20261101\t,退款,R20261101001\t,\r\n" +
        "2026110122001400001\t,P20261102\t,退款,R20261101002\t,\r\n" +
        "#业务明细总计：退款2笔\r\n",
    );
    expect(list).toMatchObject({ likelyKind: "refundNo", numbers: ["R20261101001", "R20261101002"], doubtful: [] });
    expect(reasons(skipped)).toEqual([[1, "comment"], [2, "comment"], [3, "comment"], [4, "header"], [7, "comment"]]);
  });

  test.each(["", "\n\n", ",,,\n,,"])("returns no numbers for %j", (text) => {
    expect(read(text)).toMatchObject({ numbers: [], doubtful: [], skipped: [] });
  });

  test("does not hang on an unclosed quote", () => {
    expect(read('"R1\nR2').numbers).toEqual(['"R1', "R2"]);
    expect(read(`"${"R1 ".repeat(50_000)}`).numbers.length).toBeGreaterThan(0);
  });

  test("reads a hundred thousand lines", () => {
    expect(read(Array.from({ length: 100_000 }, (_, at) => `R${at},"x"`).join("\n")).numbers).toHaveLength(100_000);
  });

  test("loses no cell, whatever the text", () => {
    const part = fc.constantFrom(
      "R1",
      "R22",
      "5",
      " ",
      ",",
      "，",
      "\t",
      ";",
      "\n",
      "\r\n",
      '"',
      "#",
      "'",
      "退款号",
      "`",
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
        const text = parts.join("");
        const list = listFrom(text);
        const { numbers, doubtful, skipped } = select(list, "all");
        const shown = [...numbers, ...[...doubtful, ...skipped].map((each) => each.text)].join("\n");
        for (const number of ["R1", "R22", "5", "退款号"]) {
          expect({ text, number, shown: shown.includes(number) }).toEqual({
            text,
            number,
            shown: text.includes(number),
          });
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("select()", () => {
  test("skips what is certainly no number, every time", () => {
    const { skipped, ...list } = read(
      "退款号,金额\r\n1.23457E+20,1\r\n1.23457E+20,2\r\n#N/A,3\r\n=HYPERLINK(1),4\r\nR1,5\r\n",
    );
    expect(list.numbers).toEqual(["R1"]);
    expect(skipped.slice(1)).toEqual([
      { line: 2, text: "1.23457E+20", reason: "scientific" },
      { line: 3, text: "1.23457E+20", reason: "scientific" },
      { line: 4, text: "#N/A", reason: "error" },
      { line: 5, text: "=HYPERLINK(1)", reason: "formula" },
    ]);
  });

  test("doubts dates, totals and rounded numbers", () => {
    const { numbers, doubtful } = read("退款号,金额\n202405105317630000,1\nR1,2\n2026/1/3,3\n合计,6\n");
    expect(numbers).toEqual(["R1"]);
    expect(doubtful).toMatchObject([
      { line: 2, number: "202405105317630000", reason: "rounded" },
      { line: 4, number: "2026/1/3", reason: "date" },
      { line: 5, number: "合计", reason: "heading" },
    ]);
  });

  test("doubts numbers of 16 digits only where all end in 0", () => {
    expect(read("1234567890123450\n1234567890123460")).toMatchObject({ numbers: [], doubtful: [{}, {}] });
    expect(read("1234567890123450\n1234567890123461")).toMatchObject({
      numbers: [{}, {}].map(() => expect.any(String)),
    });
  });
});

test.each([
  ['="00123456"', "00123456"],
  ["=“00123456”", "00123456"],
  ["'00123456", "00123456"],
  ["’00123456", "00123456"],
  ["`4200001234", "4200001234"],
  ["`", ""],
  ['"R1"', "R1"],
  ["‘R1’", "R1"],
  ["「R1」", "R1"],
  ['\'="R1"', "R1"],
  ["ＤＥＶＲ００１", "DEVR001"],
  ["退款１号", "退款１号"],
  ["R'1", "R'1"],
  ["=A1", "=A1"],
])("numberIn() reads %j as %j", (cell, number) => {
  expect(numberIn(cell)).toBe(number);
});

describe("decodeText()", () => {
  test.each([
    ["GB 18030", new Uint8Array([0xcd, 0xcb, 0xbf, 0xee])],
    ["UTF-8", new TextEncoder().encode("退款")],
    ["UTF-16, little endian", new Uint8Array(Buffer.from("\ufeff退款", "utf16le"))],
    ["UTF-16, big endian", new Uint8Array(Buffer.from("\ufeff退款", "utf16le").swap16())],
  ])("reads %s", (_, bytes) => {
    expect(decodeText(bytes.slice().buffer)).toBe("退款");
  });

  test("rejects an image", () => {
    expect(decodeText(new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 0xff, 0xff]).buffer)).toBeUndefined();
  });
});
