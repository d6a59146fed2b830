import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { keyboardOf, SPOKEN } from "./keyboard.ts";
import { openLine } from "./proxy.ts";
import { describeScene, violations } from "./fixture.ts";

describeScene("the console's batch", (scene) => {
  /** Numbers on the buttons that choose a state. */
  async function counts(page: Page): Promise<Record<string, number>> {
    const entries = await page.locator("[data-group]").evaluateAll((buttons) =>
      buttons.map((button) => [button.getAttribute("data-group"), button.querySelector("b")?.textContent])
    );
    return Object.fromEntries(entries.map(([group, count]) => [group, Number(count?.replaceAll(",", ""))]));
  }

  /** Where the keyboard stands after Control+V. Playwright's own fill would keep Chromium busy for seconds. */
  async function paste(page: Page, numbers: readonly string[]) {
    await page.evaluate((text) => navigator.clipboard.writeText(text), numbers.join("\n"));
    await page.keyboard.press("Control+V");
  }

  test.each(SPOKEN)("goes from the list to the file with the keyboard alone, in %s", async (locale, messages) => {
    const page = await scene.open("", { locale, colorScheme: locale === "zh-CN" ? "dark" : "light" });
    const keyboard = keyboardOf(page);
    const { batch } = messages;
    const button = (name: string) => page.getByRole("button", { name, exact: true });
    const said = (text: string) => page.getByRole("status").filter({ hasText: text }).waitFor({ state: "attached" });
    const rows = () => page.getByRole("rowheader").allTextContents();
    const row = (at: number) => page.getByRole("rowheader").nth(at).getByRole("link");
    const result = page.locator("#result");
    const name = (at: number | string) => `LOAD-${messages.locale}-${at}`;
    for (const [fault, at] of [["http-500", 7], ["cut", 8], ["hang", 9]] as const) {
      scene.stage.sandbox.setFault(fault, { refundNo: name(at), times: 1 });
    }
    const numbers = [
      ...["R-CLOSED", `WAIT99-${messages.locale}-1`, `WAIT99-${messages.locale}-2`],
      ...Array.from({ length: 109 }, (_, at) => name(at)),
    ];

    await keyboard.press(page.getByRole("link", { name: messages.nav.batch, exact: true }), "back");
    await keyboard.at(page.getByLabel(batch.list));
    await paste(page, numbers);
    await keyboard.to(page.getByLabel(batch.file));
    await keyboard.press(button(batch.start("112")));
    await page.getByRole("progressbar", { name: batch.done("111", "112") }).waitFor();
    await said("75%");
    await keyboard.press(button(batch.stop));
    await said(batch.stopped);
    await keyboard.at(result);
    expect(await counts(page)).toEqual({ succeeded: 106, progress: 2, closed: 1, noState: 2, waiting: 1 });

    // The failed, the last first, and a view into one of them.
    await keyboard.press(page.locator("[data-group=silent]"));
    await said(batch.shown("2", "112"));
    await keyboard.press(button(batch.columns.number));
    await said(batch.sorted.ascending(batch.columns.number));
    await page.keyboard.press("Enter");
    await said(batch.sorted.descending(batch.columns.number));
    const column = page.getByRole("columnheader", { name: batch.columns.number });
    expect(await column.getAttribute("aria-sort")).toBe("descending");
    expect(await rows()).toEqual([name(8), name(7)]);
    await keyboard.press(page.getByRole("link", { name: name(7) }));
    await page.getByRole("heading", { name: messages.form.syncHeading }).waitFor();
    await keyboard.at(result);
    // Alt+Left is the browser's own.
    await page.goBack();
    await keyboard.at(page.getByRole("link", { name: name(7) }));
    expect(await rows()).toEqual([name(8), name(7)]);

    await keyboard.press(button(batch.retry("3")), "back");
    await said(batch.finished("112"));
    await keyboard.at(result);
    expect(await counts(page)).toEqual({ succeeded: 109, progress: 2, closed: 1, noState: 0 });
    await page.getByText(batch.nothing).waitFor();
    expect(await violations(page)).toEqual([]);

    const saving = page.waitForEvent("download");
    await keyboard.press(button(batch.save));
    const download = await saving;
    expect(download.suggestedFilename()).toMatch(/^refunds-.*\.csv$/);
    const lines = readFileSync(await download.path(), "utf8").trimEnd().split("\r\n");
    expect(lines.slice(1).map((line) => line.split(",")[0])).toEqual(numbers);
    expect(lines.filter((line) => line.includes(",SUCCEEDED,refund_success,"))).toHaveLength(109);

    // Past a hundred rows, to those that are not shown yet.
    await keyboard.press(page.getByRole("button", { name: batch.all }));
    await said(batch.shown("100", "112"));
    await keyboard.press(page.getByRole("link", { name: batch.skip }));
    await keyboard.press(button(batch.more("12")));
    await said(batch.shown("112", "112"));
    await keyboard.at(row(100));

    await page.keyboard.press("Home");
    await keyboard.at(row(0));
    await page.keyboard.press("ArrowDown");
    await keyboard.at(row(1));
    await page.keyboard.press("End");
    await keyboard.at(row(111));
    // Low enough for the view of one refund to be scrolled, too.
    await page.setViewportSize({ width: 1280, height: 300 });
    await page.keyboard.press("Enter");
    await page.getByRole("article").waitFor();
    // What stands above the result is not scrolled away, though the row was far below.
    expect(await page.evaluate(() => scrollY)).toBe(0);
    await page.goBack();
    await keyboard.at(row(111));
    await keyboard.press(page.getByText(messages.commands.heading));
    await keyboard.press(button(messages.copy.what(messages.commands.bufCurl)));
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toContain("/BatchSyncRefunds");
    await keyboard.to(row(111), "back");
    await page.keyboard.press("Home");
    await keyboard.press(button(batch.clear), "back");
    await keyboard.at(page.getByLabel(batch.list));
    expect(await page.getByLabel(batch.list).inputValue()).toBe(numbers.join("\n"));
  });

  test("syncs 1,000 refunds, stays responsive and counts them right", async () => {
    const page = await scene.open("#/batch");
    await page.evaluate(() => {
      const tasks: number[] = [];
      new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration)))
        .observe({ type: "longtask" });
      Object.assign(globalThis, { tasks });
    });
    /** Milliseconds of the longest task since the last view. */
    const takeLongest = () =>
      page.evaluate(() => Math.max(0, ...(globalThis as unknown as { tasks: number[] }).tasks.splice(0)));
    const numbers = Array.from(
      { length: 1000 },
      (_, at) => at % 10 === 0 ? `X-${at}` : at % 4 === 1 ? `WAIT9-${at}` : `LOAD-${at}`,
    );
    await paste(page, numbers);
    const start = performance.now();
    await page.getByRole("button", { name: "Sync 1,000 refunds" }).click();
    await page.getByRole("progressbar").waitFor();
    await page.getByText("All 1,000 done, 100 without a state.").first().waitFor();
    const ms = performance.now() - start;
    const running = await takeLongest();
    expect(await counts(page)).toEqual({ succeeded: 650, progress: 250, noState: 100 });

    await page.getByRole("button", { name: "No state 100" }).click();
    await page.getByLabel("Search in the results").fill("X-99");
    await expect.poll(() => page.getByRole("row").count()).toBe(2);
    await page.getByLabel("Search in the results").fill("");
    await page.getByRole("button", { name: "All 1,000" }).click();
    await expect.poll(() => page.getByRole("row").count()).toBe(101);
    await page.getByRole("button", { name: "Number", exact: true }).click();
    await page.getByRole("button", { name: "Number", exact: true }).click();
    expect(await page.getByRole("rowheader").first().textContent()).toBe("X-990");
    const sifting = await takeLongest();
    console.log(
      `a batch of 1,000 took ${ms.toFixed(0)} ms in the browser; the page's longest task was ${
        running.toFixed(0)
      } ms, ` +
        `${sifting.toFixed(0)} ms while filtering and sorting (0: none above 50)`,
    );
    // Some of every kind: what holds for these rows holds for those like them.
    await page.getByLabel("Search in the results").fill("99");
    await expect.poll(() => page.getByRole("row").count()).toBeLessThan(40);
    expect(await violations(page)).toEqual([]);
    // Milliseconds since 1970, which the column of times sorts by.
    await page.getByLabel("Search in the results").fill(String(Date.now()).slice(0, 6));
    await page.getByText("Nothing matches.").waitFor();
  });

  test("reads a dropped CSV file, tries the failed again and saves a harmless CSV", async () => {
    const page = await scene.open("#/batch");
    const csv = '\ufeff金额,商户退款号\r\n1,B-SUCCEEDS\r\n2,B-LOCKED-3\r\n3,"=HYPERLINK(""x"")"\r\n4,B-SUCCEEDS\r\n';
    await page.evaluate((csv) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([csv], "refunds.csv"));
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
    }, csv);
    await page.getByRole("button", { name: "Sync 3 refunds" }).waitFor();
    await expect.poll(() => page.getByText("1 repeated, asked once").count()).toBe(1);
    expect(await page.getByLabel("The merchant's").isChecked()).toBe(true);
    expect(await violations(page)).toEqual([]);
    await page.getByRole("button", { name: "Sync 3 refunds" }).press("Enter");
    await page.getByText("All 3 done").first().waitFor();
    const before = await counts(page);
    expect(before.silent).toBeGreaterThanOrEqual(1);
    for (let attempt = 0; attempt < 5 && (await counts(page)).silent > 1; attempt++) {
      await page.getByRole("button", { name: /^Try \d failed again$/ }).press("Enter");
      await page.getByRole("button", { name: "New list" }).waitFor();
    }
    expect(await counts(page)).toEqual({ succeeded: 2, noState: 1 });

    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Save as CSV" }).press("Enter"),
    ]);
    const saved = readFileSync(await download.path(), "utf8");
    expect(saved.split("\r\n")).toHaveLength(5);
    expect(saved).toContain(`"'=HYPERLINK(""x"")"`);
  });

  test("keeps what it learned when the line breaks, and goes on from there", async () => {
    const line = await openLine(scene.stage.url);
    scene.stage.sandbox.setFault("hang", { refundNo: "LOAD-LINE", times: 1 });
    const page = await scene.open(`${line.url}/#/batch`, { locale: "zh-CN", colorScheme: "dark" });
    await page.getByLabel("退款号，每行一个").fill("R-SUCCEEDS\nLOAD-LINE\nR-CLOSED");
    await page.getByRole("button", { name: "同步 3 笔退款" }).click();
    await page.getByText("已完成 2 / 3").waitFor();
    line.cut();
    await page.getByRole("heading", { name: "无法连接服务" }).waitFor();
    expect(await counts(page)).toEqual({ succeeded: 1, closed: 1, waiting: 1 });
    expect(await violations(page)).toEqual([]);
    line.mend();
    await page.getByRole("button", { name: "重试失败的 1 笔" }).click();
    await page.getByText("3 笔全部完成。").first().waitFor();
    expect(await counts(page)).toEqual({ succeeded: 2, closed: 1 });
    await line.close();
  });

  test.each(SPOKEN)(
    "reads a Chinese spreadsheet's file, chosen with the keyboard alone, in %s",
    async (locale, messages) => {
      const page = await scene.open("#/batch", { locale });
      const keyboard = keyboardOf(page);
      const column = page.getByLabel(messages.batch.column, { exact: true });
      // "金额;退款号" in GB 18030.
      const head = Buffer.from([0xbd, 0xf0, 0xb6, 0xee, 0x3b, 0xcd, 0xcb, 0xbf, 0xee, 0xba, 0xc5, 0x0d, 0x0a]);
      const buffer = Buffer.concat([head, Buffer.from("5;R-CLOSED\r\n5;R-SUCCEEDS\r\n")]);
      const choosing = page.waitForEvent("filechooser");
      await keyboard.press(page.getByLabel(messages.batch.file));
      await (await choosing).setFiles({ name: "list.csv", mimeType: "text/csv", buffer });
      await page.getByRole("button", { name: messages.batch.start("2"), exact: true }).waitFor();
      await keyboard.to(column);
      expect(await column.locator("option:checked").textContent()).toBe("退款号");
      await page.keyboard.press("ArrowUp");
      await page.getByText(messages.batch.repeated("1")).waitFor();
      await page.keyboard.press("ArrowDown");
      await keyboard.press(page.getByRole("button", { name: messages.batch.start("2"), exact: true }));
      await page.getByText(messages.batch.finished("2")).first().waitFor();
      expect(await counts(page)).toEqual({ closed: 1, succeeded: 1 });
    },
  );
});
