import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { describeConsole, violations } from "./fixture.ts";
import { keyboardOf, LOCALES } from "./keyboard.ts";

/** Shown lines of the list in one part of the form. */
function lines(page: Page, part: ".doubtful" | ".skipped"): Promise<string[][]> {
  return page.locator(`${part} li`).evaluateAll((items) =>
    items.map((item) => [...item.children].map((child) => child.textContent ?? ""))
  );
}

async function paste(page: Page, text: string) {
  await page.evaluate((text) => navigator.clipboard.writeText(text), text);
  await page.keyboard.press("Control+V");
}

describeConsole("ListForm", (fixture) => {
  test.each(LOCALES)(
    "syncs doubtful numbers only when they are confirmed, by keyboard, in %s",
    async (locale, texts) => {
      const page = await fixture.open("#/batch", { locale, colorScheme: locale === "zh-CN" ? "dark" : "light" });
      const { batch, doubt } = texts;
      const keyboard = keyboardOf(page);
      const start = (count: string) => page.getByRole("button", { name: batch.start(count), exact: true });
      const confirm = page.getByRole("checkbox", { name: batch.confirm("2") });
      await keyboard.at(page.getByLabel(batch.list));
      await paste(
        page,
        '退款号,金额\nR-SUCCEEDS,1\n202405105317630000,2\n2026/1/3,3\n1.23457E+20,4\n#N/A,5\n="R-CLOSED",6\nR-SUCCEEDS,7\n,8\n',
      );
      await start("2").waitFor();
      expect(await lines(page, ".doubtful")).toEqual([
        [batch.line("3"), "202405105317630000", doubt.rounded],
        [batch.line("4"), "2026/1/3", doubt.date],
      ]);
      expect(await lines(page, ".skipped")).toEqual([
        [batch.line("1"), "退款号,金额", batch.reasons.header],
        [batch.line("5"), "1.23457E+20", doubt.scientific],
        [batch.line("6"), "#N/A", doubt.error],
        [batch.line("8"), "R-SUCCEEDS", batch.reasons.duplicate],
        [batch.line("9"), ",8", batch.reasons.empty],
      ]);
      expect(await violations(page)).toEqual([]);

      await keyboard.to(confirm);
      await page.keyboard.press("Space");
      await start("4").waitFor();
      // What changes the list revokes the confirmation.
      await keyboard.to(page.getByLabel(batch.column, { exact: true }), "back");
      await page.keyboard.press("ArrowUp");
      await page.keyboard.press("ArrowDown");
      await start("2").waitFor();
      await keyboard.to(confirm);
      await page.keyboard.press("Space");
      await keyboard.press(start("4"));
      await page.getByText(batch.finishedWithout("4", "2")).first().waitFor();
      expect(await page.getByRole("rowheader").allTextContents()).toEqual([
        "R-SUCCEEDS",
        "R-CLOSED",
        "202405105317630000",
        "2026/1/3",
      ]);
    },
  );

  test("reads a dropped WeChat Pay bill as DaxPay's numbers", async () => {
    const page = await fixture.open("#/batch");
    const bill = "\ufeff交易时间,微信订单号,微信退款单号,商户退款单号,退款金额\r\n" +
      "`2026-11-01 10:00:00,`4200000001,`50300000001,`R-SUCCEEDS,`1.00\r\n" +
      "`2026-11-01 10:00:01,`4200000002,`0,`0,`0.00\r\n" +
      "`2026-11-01 10:00:02,`4200000003,`50300000003,`R-CLOSED,`1.00\r\n" +
      "总交易单数,应结订单总金额,退款总金额\r\n`2,`3.00,`3.00\r\n";
    await page.evaluate((bill) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([bill], "bill.csv"));
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
    }, bill);
    await page.getByRole("status").filter({ hasText: "2 refund numbers · 1 doubtful numbers · 3 skipped" }).waitFor();
    expect(await page.getByLabel("DaxPay's").isChecked()).toBe(true);
    await page.getByRole("button", { name: "Sync 2 refunds" }).click();
    await page.getByText("All 2 done.").first().waitFor();
  });

  test("shows more of what it skips, a page at a time", async () => {
    const page = await fixture.open("#/batch");
    await paste(page, Array.from({ length: 200 }, () => "R-SUCCEEDS").join("\n"));
    await page.getByRole("button", { name: "Sync 1 refunds" }).waitFor();
    expect(await lines(page, ".skipped")).toHaveLength(20);
    await page.getByRole("button", { name: "Show 100 more" }).click();
    await page.getByRole("button", { name: "Show 79 more" }).click();
    await expect.poll(() => lines(page, ".skipped")).toHaveLength(199);
  });
}, { release: "2.0.6" });

describeConsole("RefundForm", (fixture) => {
  test.each(LOCALES)("sends no number that a spreadsheet changed, in %s", async (locale, { form, doubt }) => {
    const page = await fixture.open("", { locale });
    const keyboard = keyboardOf(page);
    const field = page.getByLabel(form.number, { exact: true });
    const button = (name: string) => page.getByRole("button", { name, exact: true });
    await keyboard.at(field);
    await keyboard.write("1.23457E+20");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: doubt.scientific }).waitFor();
    expect(await button(form.confirm).count()).toBe(0);
    await keyboard.at(field);
    expect(await violations(page)).toEqual([]);

    await keyboard.write("202405105317630000");
    await expect.poll(() => page.getByRole("alert").count()).toBe(0);
    await keyboard.press(button(form.watch));
    await page.getByRole("alert").filter({ hasText: doubt.rounded }).waitFor();
    await keyboard.at(field);
    await keyboard.press(button(form.confirm));
    await expect.poll(() => new URL(page.url()).hash).toBe("#/watch/202405105317630000");
    await page.getByRole("article").waitFor();
    expect(await page.getByRole("alert").count()).toBe(0);
  });

  test("reads a number as a spreadsheet wrote it, and several in one line as a list", async () => {
    const page = await fixture.open("");
    await paste(page, '="R-SUCCEEDS"');
    await page.getByRole("article").waitFor();
    expect(new URL(page.url()).hash).toBe("#/refund/R-SUCCEEDS");
    await fixture.open("");
    await paste(page, "R-SUCCEEDS，R-CLOSED、R-FAILS");
    await page.getByRole("button", { name: "Sync 3 refunds" }).waitFor();
  });
}, { release: "2.0.6" });
