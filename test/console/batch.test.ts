import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { keyboardOf, LOCALES } from "./keyboard.ts";
import { openProxy } from "./proxy.ts";
import { describeConsole, violations } from "./fixture.ts";

describeConsole("BatchView", (fixture) => {
  /** The counts on the buttons that filter by state. */
  async function counts(page: Page): Promise<Record<string, number>> {
    const entries = await page.locator("[data-group]").evaluateAll((buttons) =>
      buttons.map((button) => [button.getAttribute("data-group"), button.querySelector("b")?.textContent])
    );
    return Object.fromEntries(entries.map(([group, count]) => [group, Number(count?.replaceAll(",", ""))]));
  }

  /** Pastes a list where the focus is; Playwright's fill() would keep Chromium busy for seconds. */
  async function paste(page: Page, numbers: readonly string[]) {
    await page.evaluate((text) => navigator.clipboard.writeText(text), numbers.join("\n"));
    await page.keyboard.press("Control+V");
  }

  test.each(LOCALES)("is operated from the list to the CSV file by keyboard alone, in %s", async (locale, messages) => {
    const page = await fixture.open("", { locale, colorScheme: locale === "zh-CN" ? "dark" : "light" });
    const keyboard = keyboardOf(page);
    const { batch } = messages;
    const button = (name: string) => page.getByRole("button", { name, exact: true });
    const announced = (text: string) =>
      page.getByRole("status").filter({ hasText: text }).waitFor({ state: "attached" });
    const rows = () => page.getByRole("rowheader").allTextContents();
    const row = (at: number) => page.getByRole("rowheader").nth(at).getByRole("link");
    const result = page.locator("#result");
    const name = (at: number | string) => `LOAD-${messages.locale}-${at}`;
    for (const [fault, at] of [["http-500", 7], ["cut", 8], ["hang", 9]] as const) {
      fixture.service.sandbox.setFault(fault, { refundNo: name(at), times: 1 });
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
    await page.getByRole("progressbar", { name: batch.progress("111", "112") }).waitFor();
    await announced("75%");
    await keyboard.press(button(batch.stop));
    await announced(batch.stopped);
    await keyboard.at(result);
    expect(await counts(page)).toEqual({ succeeded: 106, progress: 2, closed: 1, noState: 2, waiting: 1 });

    // Shows only the failed rows, sorts them in descending order and opens one.
    await keyboard.press(page.locator("[data-group=noState]"));
    await announced(batch.shown("2", "112"));
    await keyboard.press(button(batch.columns.number));
    await announced(batch.sorted.ascending(batch.columns.number));
    await page.keyboard.press("Enter");
    await announced(batch.sorted.descending(batch.columns.number));
    const column = page.getByRole("columnheader", { name: batch.columns.number });
    expect(await column.getAttribute("aria-sort")).toBe("descending");
    expect(await rows()).toEqual([name(8), name(7)]);
    await keyboard.press(page.getByRole("link", { name: name(7) }));
    await page.getByRole("heading", { name: messages.form.syncHeading }).waitFor();
    await keyboard.at(result);
    // Alt+Left belongs to the browser.
    await page.goBack();
    await keyboard.at(page.getByRole("link", { name: name(7) }));
    expect(await rows()).toEqual([name(8), name(7)]);

    await keyboard.press(button(batch.retry("3")), "back");
    await announced(batch.finished("112"));
    await keyboard.at(result);
    expect(await counts(page)).toEqual({ succeeded: 109, progress: 2, closed: 1, noState: 0 });
    await page.getByText(batch.noMatch).waitFor();
    expect(await violations(page)).toEqual([]);

    const saving = page.waitForEvent("download");
    await keyboard.press(button(batch.save));
    const download = await saving;
    expect(download.suggestedFilename()).toMatch(/^refunds-.*\.csv$/);
    const lines = readFileSync(await download.path(), "utf8").trimEnd().split("\r\n");
    expect(lines.slice(1).map((line) => line.split(",")[0])).toEqual(numbers);
    expect(lines.filter((line) => line.includes(",SUCCEEDED,refund_success,"))).toHaveLength(109);

    // Shows the rows beyond the first hundred.
    await keyboard.press(page.getByRole("button", { name: batch.all }));
    await announced(batch.shown("100", "112"));
    await keyboard.press(page.getByRole("link", { name: batch.skip }));
    await keyboard.press(button(batch.more("12")));
    await announced(batch.shown("112", "112"));
    await keyboard.at(row(100));

    await page.keyboard.press("Home");
    await keyboard.at(row(0));
    await page.keyboard.press("ArrowDown");
    await keyboard.at(row(1));
    await page.keyboard.press("End");
    await keyboard.at(row(111));
    // Low enough that the view of one refund scrolls, too.
    await page.setViewportSize({ width: 1280, height: 300 });
    await page.keyboard.press("Enter");
    await page.getByRole("article").waitFor();
    // The new view starts at its top, although the row was far below.
    expect(await page.evaluate(() => scrollY)).toBe(0);
    await page.goBack();
    await keyboard.at(row(111));
    await keyboard.press(page.getByText(messages.commands.heading));
    await keyboard.press(button(messages.copy.label(messages.commands.bufCurl)));
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toContain("/BatchSyncRefunds");
    await keyboard.to(row(111), "back");
    await page.keyboard.press("Home");
    await keyboard.press(button(batch.clear), "back");
    await keyboard.at(page.getByLabel(batch.list));
    expect(await page.getByLabel(batch.list).inputValue()).toBe(numbers.join("\n"));
  });

  test("stays responsive while it syncs, filters and sorts 1,000 refunds", async () => {
    const page = await fixture.open("#/batch");
    await page.evaluate(() => {
      const tasks: number[] = [];
      new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration)))
        .observe({ type: "longtask" });
      Object.assign(globalThis, { tasks });
    });
    /** Milliseconds of the longest task since the last call. */
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
    await page.getByLabel("Search the results").fill("X-99");
    await expect.poll(() => page.getByRole("row").count()).toBe(2);
    await page.getByLabel("Search the results").fill("");
    await page.getByRole("button", { name: "All 1,000" }).click();
    await expect.poll(() => page.getByRole("row").count()).toBe(101);
    await page.getByRole("button", { name: "Number", exact: true }).click();
    await page.getByRole("button", { name: "Number", exact: true }).click();
    expect(await page.getByRole("rowheader").first().textContent()).toBe("X-990");
    const filtering = await takeLongest();
    console.log(
      `a batch of 1,000 took ${ms.toFixed(0)} ms in the browser; the page's longest task was ${
        running.toFixed(0)
      } ms, ` +
        `${filtering.toFixed(0)} ms while filtering and sorting (0: none above 50)`,
    );
    // A few rows of every kind represent the rest.
    await page.getByLabel("Search the results").fill("99");
    await expect.poll(() => page.getByRole("row").count()).toBeLessThan(40);
    expect(await violations(page)).toEqual([]);
    // The epoch milliseconds that the column of times sorts by are not searched.
    await page.getByLabel("Search the results").fill(String(Date.now()).slice(0, 6));
    await page.getByText("No matches.").waitFor();
  });

  test("reads a dropped CSV file, retries rows without a state and saves a CSV without formulas", async () => {
    const page = await fixture.open("#/batch");
    const csv = '\ufeff金额,商户退款号\r\n1,B-SUCCEEDS\r\n2,B-LOCKED-3\r\n3,"@HYPERLINK(""x"")"\r\n4,B-SUCCEEDS\r\n';
    await page.evaluate((csv) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([csv], "refunds.csv"));
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
    }, csv);
    await page.getByRole("button", { name: "Sync 3 refunds" }).waitFor();
    await page.getByRole("status").filter({ hasText: "3 refund numbers · 2 skipped" }).waitFor();
    await page.getByRole("listitem").filter({ hasText: "Line 5B-SUCCEEDSA duplicate." }).waitFor();
    expect(await page.getByLabel("The merchant's").isChecked()).toBe(true);
    expect(await violations(page)).toEqual([]);
    await page.getByRole("button", { name: "Sync 3 refunds" }).press("Enter");
    await page.getByText("All 3 done").first().waitFor();
    const before = await counts(page);
    expect(before.noState).toBeGreaterThanOrEqual(1);
    for (let attempt = 0; attempt < 5 && (await counts(page)).noState > 1; attempt++) {
      await page.getByRole("button", { name: /^Retry \d without a state$/ }).press("Enter");
      await page.getByRole("button", { name: "New list" }).waitFor();
    }
    expect(await counts(page)).toEqual({ succeeded: 2, noState: 1 });

    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Save as CSV" }).press("Enter"),
    ]);
    const saved = readFileSync(await download.path(), "utf8");
    expect(saved.split("\r\n")).toHaveLength(5);
    expect(saved).toContain(`"'@HYPERLINK(""x"")"`);
  });

  test("keeps its results when the connection breaks, and retries the others", async () => {
    const proxy = await openProxy(fixture.service.url);
    fixture.service.sandbox.setFault("hang", { refundNo: "LOAD-PROXY", times: 1 });
    const page = await fixture.open(`${proxy.url}/#/batch`, { locale: "zh-CN", colorScheme: "dark" });
    await page.getByLabel("退款号，每行一个").fill("R-SUCCEEDS\nLOAD-PROXY\nR-CLOSED");
    await page.getByRole("button", { name: "同步 3 笔退款" }).click();
    await page.getByText("已完成 2 / 3").waitFor();
    proxy.disconnect();
    await page.getByRole("heading", { name: "无法连接服务" }).waitFor();
    expect(await counts(page)).toEqual({ succeeded: 1, closed: 1, waiting: 1 });
    expect(await violations(page)).toEqual([]);
    proxy.reconnect();
    await page.getByRole("button", { name: "重试无状态的 1 笔" }).click();
    await page.getByText("3 笔全部完成。").first().waitFor();
    expect(await counts(page)).toEqual({ succeeded: 2, closed: 1 });
    await proxy.close();
  });

  test.each(LOCALES)(
    "reads a GB 18030 file that is chosen by keyboard alone, in %s",
    async (locale, messages) => {
      const page = await fixture.open("#/batch", { locale });
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
      await page.getByRole("listitem").filter({ hasText: messages.batch.reasons.duplicate }).waitFor();
      await page.keyboard.press("ArrowDown");
      await keyboard.press(page.getByRole("button", { name: messages.batch.start("2"), exact: true }));
      await page.getByText(messages.batch.finished("2")).first().waitFor();
      expect(await counts(page)).toEqual({ closed: 1, succeeded: 1 });
    },
  );
}, { release: "2.0.6" });
