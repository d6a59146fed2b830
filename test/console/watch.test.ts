import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openLine } from "./line.ts";
import { CHROMIUM, inChromium, openBrowser, openStage, openTab, type Stage, violations } from "./stage.ts";

describe.skipIf(!CHROMIUM)(inChromium("the console's watch"), () => {
  let stage: Stage;
  let browser: Browser;
  beforeAll(async () => {
    [stage, browser] = await Promise.all([openStage(), openBrowser()]);
  });
  afterAll(async () => {
    await browser?.close();
    await stage?.close();
  });

  test.each([
    ["en-GB", "Succeeded", "The watch has ended: this state is final.", "Attempt 3"],
    ["zh-CN", "退款成功", "跟踪结束：这是最终状态。", "第 3 次"],
  ])("follows a refund to its end in %s, by keyboard", async (locale, name, ended, attempt) => {
    const { page, errors, strangers, close } = await openTab(browser, `${stage.url}/#/watch`, {
      locale,
      colorScheme: locale === "en-GB" ? "light" : "dark",
    });
    await page.locator("#number").focus();
    await page.keyboard.type(`WAIT2-${locale}`);
    await page.keyboard.press("Enter");
    await page.locator(".countdown", { hasText: /\d+/ }).waitFor();
    await page.getByRole("heading", { name }).waitFor();
    await page.locator(".phase", { hasText: ended }).waitFor();
    const lines = page.getByRole("listitem");
    await expect.poll(() => lines.count()).toBe(3);
    expect(await lines.first().textContent()).toContain(attempt);
    expect(await violations(page)).toEqual([]);
    expect(errors).toEqual([]);
    expect(strangers).toEqual([]);
    await close();
  });

  test("survives a lost connection and says so", async () => {
    const line = await openLine(stage.url);
    const { page, errors, close } = await openTab(browser, `${line.url}/#/watch/WAIT40-LINE`);
    await page.getByRole("listitem").filter({ hasText: "Attempt 1" }).waitFor();
    line.cut();
    await page.locator(".countdown", { hasText: "Connection lost" }).waitFor();
    await page.getByRole("status").filter({ hasText: "Connection lost" }).waitFor({ state: "attached" });
    expect(await violations(page)).toEqual([]);
    line.mend();
    await page.getByRole("listitem").filter({ hasText: "Connected again" }).waitFor();
    await expect.poll(() => page.getByRole("listitem").filter({ hasText: "Connection lost" }).count()).toBe(1);
    await page.locator(".countdown", { hasText: "Next attempt" }).waitFor();
    expect(errors).toEqual([]);
    await close();
    await line.close();
  });

  test("is stopped by its button and when the page is left", async () => {
    const { page, close } = await openTab(browser, `${stage.url}/#/watch/R-WAITS`);
    await page.getByRole("heading", { name: "In progress" }).waitFor();
    await page.getByRole("button", { name: "Stop watching" }).click();
    await page.getByText("The watch was stopped.").first().waitFor();
    await expect.poll(() => stage.app.gauges().watchers).toBe(0);
    await page.getByRole("button", { name: "Watch again" }).click();
    await page.getByRole("button", { name: "Stop watching" }).waitFor();
    expect(await violations(page)).toEqual([]);
    await expect.poll(() => stage.app.gauges().watchers).toBe(1);
    await page.getByRole("link", { name: "Batch" }).click();
    await expect.poll(() => stage.app.gauges().watchers).toBe(0);
    await close();
  });

  test("ends with the failure that makes repeating useless", async () => {
    const { page, close } = await openTab(browser, `${stage.url}/#/watch/R-NOBODY`);
    await page.getByRole("heading", { name: "DaxPay has no such refund" }).waitFor();
    await page.getByText("The watch has ended without a final state.").first().waitFor();
    await expect.poll(() => page.getByRole("listitem").count()).toBe(1);
    expect(await violations(page)).toEqual([]);
    await close();
  });
});
