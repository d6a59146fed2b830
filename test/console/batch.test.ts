import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openLine } from "./line.ts";
import { CHROMIUM, inChromium, openBrowser, openStage, openTab, type Stage, violations } from "./stage.ts";

describe.skipIf(!CHROMIUM)(inChromium("the console's batch"), () => {
  let stage: Stage;
  let browser: Browser;
  beforeAll(async () => {
    [stage, browser] = await Promise.all([openStage(), openBrowser()]);
  });
  afterAll(async () => {
    await browser?.close();
    await stage?.close();
  });

  /** Numbers on the buttons that choose a state. */
  async function counts(page: Page): Promise<Record<string, number>> {
    const entries = await page.locator("[data-group]").evaluateAll((buttons) =>
      buttons.map((button) => [button.getAttribute("data-group"), button.querySelector("b")?.textContent])
    );
    return Object.fromEntries(entries.map(([group, count]) => [group, Number(count?.replaceAll(",", ""))]));
  }

  test("syncs 1,000 refunds, stays responsive and counts them right", async () => {
    const numbers = Array.from(
      { length: 1000 },
      (_, at) => at % 10 === 0 ? `X-${at}` : at % 4 === 1 ? `WAIT9-${at}` : `LOAD-${at}`,
    );
    const { page, errors, strangers, close } = await openTab(browser, `${stage.url}/#/batch`, {
      permissions: ["clipboard-read", "clipboard-write"],
    });
    await page.evaluate(() => {
      const tasks: number[] = [];
      new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration)))
        .observe({ type: "longtask" });
      Object.assign(globalThis, { tasks });
    });
    /** Milliseconds of the longest task since the last look. */
    const takeLongest = () =>
      page.evaluate(() => Math.max(0, ...(globalThis as unknown as { tasks: number[] }).tasks.splice(0)));
    // Playwright's own fill would keep Chromium busy for seconds with so many lines.
    await page.evaluate((text) => navigator.clipboard.writeText(text), numbers.join("\n"));
    await page.getByLabel("Refund numbers").focus();
    await page.keyboard.press("Control+V");
    const start = performance.now();
    await page.getByRole("button", { name: "Sync 1,000 refunds" }).click();
    await page.getByRole("progressbar").waitFor();
    await page.getByText("All 1,000 done.").first().waitFor();
    const ms = performance.now() - start;
    const running = await takeLongest();
    expect(await counts(page)).toEqual({ succeeded: 650, progress: 250, silent: 100 });

    await page.getByRole("button", { name: "No state 100" }).click();
    await page.getByLabel("Search in the results").fill("X-99");
    await expect.poll(() => page.getByRole("row").count()).toBe(2);
    await page.getByLabel("Search in the results").fill("");
    await page.getByRole("button", { name: "All 1,000" }).click();
    await page.getByRole("button", { name: "Number", exact: true }).click();
    await page.getByRole("button", { name: "Number", exact: true }).click();
    expect(await page.getByRole("rowheader").first().textContent()).toBe("X-990");
    expect(await page.getByRole("columnheader", { name: "Number" }).getAttribute("aria-sort")).toBe("descending");
    const sifting = await takeLongest();
    console.log(
      `a batch of 1,000 took ${ms.toFixed(0)} ms in the browser; the page's longest task was ${
        running.toFixed(0)
      } ms, ` +
        `${sifting.toFixed(0)} ms while filtering and sorting (0: none above 50)`,
    );
    expect(await violations(page)).toEqual([]);
    expect(errors).toEqual([]);
    expect(strangers).toEqual([]);
    await close();
  });

  test("reads a dropped CSV file, tries the failed again and saves a harmless CSV", async () => {
    const { page, errors, close } = await openTab(browser, `${stage.url}/#/batch`, { acceptDownloads: true });
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
    await page.getByText("All 3 done.").first().waitFor();
    const before = await counts(page);
    expect(before.silent).toBeGreaterThanOrEqual(1);
    for (let attempt = 0; attempt < 5 && (await counts(page)).silent > 1; attempt++) {
      await page.getByRole("button", { name: /^Try \d failed again$/ }).press("Enter");
      await page.getByRole("button", { name: "New list" }).waitFor();
    }
    expect(await counts(page)).toEqual({ succeeded: 2, silent: 1 });

    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Save as CSV" }).press("Enter"),
    ]);
    expect(download.suggestedFilename()).toMatch(/^refunds-.*\.csv$/);
    const saved = readFileSync(await download.path(), "utf8");
    expect(saved.split("\r\n")).toHaveLength(5);
    expect(saved).toContain(`"'=HYPERLINK(""x"")"`);
    expect(saved).toContain(",SUCCEEDED,refund_success,");
    expect(errors).toEqual([]);
    await close();
  });

  test("keeps what it learned when the line breaks, and goes on from there", async () => {
    const line = await openLine(stage.url);
    const { page, close } = await openTab(browser, `${line.url}/#/batch`, { locale: "zh-CN", colorScheme: "dark" });
    await page.getByLabel("退款号，每行一个").fill("R-SUCCEEDS\nFAULT-SLOW\nR-CLOSED");
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
    await close();
    await line.close();
  });

  test("reads a file from a Chinese spreadsheet", async () => {
    const { page, close } = await openTab(browser, `${stage.url}/#/batch`);
    // "退款号;金额" in GB 18030.
    const head = Buffer.from([0xcd, 0xcb, 0xbf, 0xee, 0xba, 0xc5, 0x3b, 0xbd, 0xf0, 0xb6, 0xee, 0x0d, 0x0a]);
    const buffer = Buffer.concat([head, Buffer.from("R-CLOSED;5\r\n")]);
    await page.getByLabel("Choose a file").setInputFiles({ name: "list.csv", mimeType: "text/csv", buffer });
    expect(await page.getByLabel("Column").locator("option").allTextContents()).toEqual(["退款号", "金额"]);
    expect(await page.getByRole("button", { name: "Sync 1 refunds" }).isEnabled()).toBe(true);
    await close();
  });
});
