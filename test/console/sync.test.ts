import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, inChromium, openBrowser, openStage, openTab, type Stage, type Tab, violations } from "./stage.ts";

describe.skipIf(!CHROMIUM)(inChromium("the console's sync"), () => {
  let stage: Stage;
  let browser: Browser;
  beforeAll(async () => {
    [stage, browser] = await Promise.all([openStage(), openBrowser()]);
  });
  afterAll(async () => {
    await browser?.close();
    await stage?.close();
  });

  async function quiet({ page, errors, strangers, close }: Tab) {
    expect(await violations(page)).toEqual([]);
    expect(errors).toEqual([]);
    expect(strangers).toEqual([]);
    await close();
  }

  test("is typed, sent and read with the keyboard alone", async () => {
    const tab = await openTab(browser, stage.url);
    const { page } = tab;
    await page.getByLabel("Refund number").focus();
    await page.keyboard.type("R-SUCCEEDS");
    await page.keyboard.press("Enter");
    const card = page.getByRole("article");
    await card.getByRole("heading", { name: "Succeeded" }).waitFor();
    expect(await card.textContent()).toContain("refund_success");
    expect(await card.textContent()).toContain("退款成功");
    await expect.poll(() => card.getByText("Final", { exact: true }).count()).toBe(1);
    await expect.poll(() => card.locator("svg.succeeded").count()).toBe(1);
    expect(await card.locator("time").getAttribute("title")).toMatch(/^\d{4}-\d\d-\d\dT.*Z \(.+, .+\)$/);
    expect(new URL(page.url()).hash).toBe("#/refund/R-SUCCEEDS");
    expect(await page.title()).toBe("Succeeded · R-SUCCEEDS · DaxPay refunds");
    await page.getByRole("status").filter({ hasText: "Succeeded" }).waitFor({ state: "attached" });
    await page.getByRole("button", { name: "Sync again" }).focus();
    await page.keyboard.press("Enter");
    await card.getByRole("heading", { name: "Succeeded" }).waitFor();
    // The button is gone for a while: the focus waits at the result, not at the page's start.
    expect(await page.evaluate(() => document.activeElement?.className)).toBe("result");
    await quiet(tab);
  });

  test("reaches every control by Tab, with a visible focus", async () => {
    const tab = await openTab(browser, `${stage.url}/#/refund/R-WAITS`);
    await tab.page.getByRole("heading", { name: "In progress" }).waitFor();
    const seen: string[] = [];
    for (let press = 0; press < 22; press++) {
      await tab.page.keyboard.press("Tab");
      seen.push(
        await tab.page.evaluate(() => {
          const focus = document.activeElement as HTMLElement;
          const visible = getComputedStyle(focus).outlineStyle !== "none" || focus === document.body;
          return `${focus.textContent?.slice(0, 30) || focus.id || focus.tagName}${visible ? "" : " INVISIBLE"}`;
        }),
      );
    }
    for (
      const name of ["Skip to the content", "Batch", "number", "Sync now", "Watch", "Copy", "Sync again", "Watch it"]
    ) {
      expect(seen).toContain(name);
    }
    expect(seen.filter((name) => name.endsWith("INVISIBLE"))).toEqual([]);
    await quiet(tab);
  });

  test("goes at once when a number is pasted anywhere, and to the batch with a list", async () => {
    const tab = await openTab(browser, stage.url);
    const { page } = tab;
    const paste = (text: string) =>
      page.evaluate((text) => {
        const clipboardData = new DataTransfer();
        clipboardData.setData("text/plain", text);
        document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
      }, text);
    await paste("  R-CLOSED \n");
    await page.getByRole("heading", { name: "Closed" }).waitFor();
    await paste("R-CLOSED\nR-SUCCEEDS");
    expect(await page.getByLabel("Refund numbers").inputValue()).toBe("R-CLOSED\nR-SUCCEEDS");
    await expect.poll(() => page.getByRole("button", { name: "Sync 2 refunds" }).count()).toBe(1);
    await quiet(tab);
  });

  test("takes the merchant's number from the address", async () => {
    const tab = await openTab(browser, `${stage.url}/#/refund/biz/B-SUCCEEDS`);
    await tab.page.getByRole("heading", { name: "Succeeded" }).waitFor();
    expect(await tab.page.getByLabel("The merchant's").isChecked()).toBe(true);
    await quiet(tab);
  });

  test("wants a number and says so", async () => {
    const tab = await openTab(browser, stage.url);
    await tab.page.getByRole("button", { name: "Sync now" }).click();
    expect(await tab.page.getByRole("alert").textContent()).toBe("Enter a refund number.");
    expect(await tab.page.getByLabel("Refund number").evaluate((field) => field === document.activeElement)).toBe(true);
    await quiet(tab);
  });

  test.each([
    [
      "FAULT-WRONG-SIGN",
      "The answer cannot be believed",
      "Trying again will not help.",
      "REPLY_UNVERIFIED",
      "ANSWERED",
    ],
    ["R-NOBODY-KNOWS", "DaxPay has no such refund", "Trying again will not help.", "REFUND_UNKNOWN", "ANSWERED"],
    ["FAULT-CUT", "The answer was cut off", "You can try again in 5 sec", "REPLY_INTERRUPTED", "UNKNOWN"],
    ["FAULT-HTTP-500", "DaxPay broke", "You can try again in", "UPSTREAM_FAULT", "ANSWERED"],
  ])(
    "tells of %s what happened, who heard of it and when to try again",
    async (number, title, again, reason, heard) => {
      const tab = await openTab(browser, `${stage.url}/#/refund/${number}`);
      const card = tab.page.getByRole("article");
      await card.getByRole("heading", { name: title }).waitFor({ timeout: 15_000 });
      expect(await card.textContent()).toContain(again);
      expect(await card.getByText(reason, { exact: true }).isVisible()).toBe(false);
      await card.getByText("Technical details").click();
      expect(await card.getByText(reason, { exact: true }).isVisible()).toBe(true);
      expect(await card.getByText(heard, { exact: true }).isVisible()).toBe(true);
      await quiet(tab);
    },
  );

  test("shows the service's own words about a request that breaks the rules", async () => {
    const tab = await openTab(browser, `${stage.url}/#/refund/${"9".repeat(33)}`);
    await tab.page.getByRole("heading", { name: "The request breaks the rules" }).waitFor();
    expect(await tab.page.locator("blockquote").textContent()).toContain("refund_no");
    await quiet(tab);
  });

  test("says so when the service is gone", async () => {
    const gone = await openStage();
    const tab = await openTab(browser, gone.url);
    await gone.close();
    await tab.page.getByLabel("Refund number").fill("R-SUCCEEDS");
    await tab.page.keyboard.press("Enter");
    await tab.page.getByRole("heading", { name: "The service cannot be reached" }).waitFor();
    await quiet(tab);
  });

  test("speaks the browser's Chinese, switches to English and remembers it for the tab", async () => {
    const tab = await openTab(browser, `${stage.url}/#/refund/R-WAITS`, { locale: "zh-CN" });
    const { page } = tab;
    await page.getByRole("heading", { name: "退款中" }).waitFor();
    expect(await page.getAttribute("html", "lang")).toBe("zh-CN");
    expect(await violations(page)).toEqual([]);
    await page.getByLabel("语言 Language").selectOption("en");
    await page.getByRole("heading", { name: "In progress" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "In progress" }).waitFor();
    expect(await page.getAttribute("html", "lang")).toBe("en");
    await quiet(tab);
  });

  test("tells a failure in Chinese, too", async () => {
    const tab = await openTab(browser, `${stage.url}/#/refund/FAULT-NO-SIGN`, { locale: "zh-CN", colorScheme: "dark" });
    await tab.page.getByRole("heading", { name: "回复不可信" }).waitFor();
    await expect.poll(() => tab.page.getByText("再试也没有用。").count()).toBe(1);
    await quiet(tab);
  });

  test.each(
    [
      { width: 320, colorScheme: "light" },
      { width: 320, colorScheme: "dark" },
      { width: 1920, colorScheme: "dark" },
    ] as const,
  )("fits $width pixels in $colorScheme", async ({ width, colorScheme }) => {
    for (const hash of ["", "#/refund/R-SUCCEEDS", "#/refund/FAULT-HOSTILE-TEXT", "#/batch"]) {
      const tab = await openTab(browser, `${stage.url}/${hash}`, { viewport: { width, height: 800 }, colorScheme });
      if (hash.startsWith("#/refund")) await tab.page.getByRole("article").waitFor();
      expect(await tab.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      await quiet(tab);
    }
  });

  test("shows hostile text as text", async () => {
    const tab = await openTab(browser, `${stage.url}/#/refund/FAULT-HOSTILE-TEXT`, {
      viewport: { width: 320, height: 800 },
    });
    const { page } = tab;
    const quote = page.locator("blockquote bdi");
    await quote.waitFor();
    expect(await quote.textContent()).toContain("<img src=x onerror=alert(1)>");
    expect(await quote.textContent()).not.toContain("\u202e");
    await expect.poll(() => quote.locator(".code-point", { hasText: "U+202E" }).count()).toBe(1);
    expect(await quote.evaluate((element) => getComputedStyle(element).unicodeBidi)).toBe("isolate");
    expect(await page.locator("img").count()).toBe(0);
    await quiet(tab);
  });

  test("shows a hostile number from the address as text", async () => {
    const number = '"><script>alert(1)</script>\u202e' + "W".repeat(60);
    const tab = await openTab(browser, `${stage.url}/#/refund/biz/${encodeURIComponent(number)}`, {
      viewport: { width: 320, height: 800 },
    });
    await tab.page.getByRole("article").waitFor();
    expect(await tab.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
    expect(await tab.page.locator("main script").count()).toBe(0);
    await tab.page.getByText("The same call on the command line").click();
    expect(await tab.page.locator("pre").first().textContent()).not.toContain("\u202e");
    await quiet(tab);
  });
});
