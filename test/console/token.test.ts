import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, inChromium, openBrowser, openStage, openTab, type Stage, violations } from "./stage.ts";

const TOKEN = "let-me-in-0123456789";

describe.skipIf(!CHROMIUM)(inChromium("the console's way in"), () => {
  const folder = mkdtempSync(join(tmpdir(), "console-"));
  let stage: Stage;
  let browser: Browser;
  beforeAll(async () => {
    const file = join(folder, "tokens");
    writeFileSync(file, `operator ${TOKEN}\n`);
    [stage, browser] = await Promise.all([openStage({ AUTH_TOKENS_FILE: file }), openBrowser()]);
  });
  afterAll(async () => {
    await browser?.close();
    await stage?.close();
    rmSync(folder, { recursive: true });
  });

  test("asks for a token when there is none or a wrong one, and goes on with the right one", async () => {
    const { page, errors, close } = await openTab(browser, `${stage.url}/#/refund/R-SUCCEEDS`);
    await page.getByText("The service asks for an access token.").waitFor();
    expect(await page.getByLabel("Token", { exact: true }).evaluate((field) => field === document.activeElement)).toBe(
      true,
    );
    expect(await violations(page)).toEqual([]);
    await page.keyboard.type("two words");
    await page.keyboard.press("Enter");
    await page.getByText("A token has no spaces").waitFor();
    await page.getByLabel("Token", { exact: true }).fill("guessed");
    await page.keyboard.press("Enter");
    await page.getByText("The service did not accept this token.").waitFor();
    await page.getByLabel("Token", { exact: true }).fill(TOKEN);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Succeeded" }).waitFor();
    expect(await page.getByRole("heading", { name: "Access token" }).count()).toBe(0);
    await page.getByText("The same call on the command line").click();
    expect(await page.locator("pre").first().textContent()).toContain("Bearer $TOKEN");
    expect(await page.content()).not.toContain(TOKEN);
    expect(errors).toEqual([]);

    await page.reload();
    await page.getByRole("heading", { name: "Succeeded" }).waitFor();
    expect(await page.evaluate(() => localStorage.length + document.cookie.length)).toBe(0);
    await page.getByRole("button", { name: "Forget the token" }).click();
    await page.getByRole("button", { name: "Sync again" }).click();
    await page.getByText("The service asks for an access token.").waitFor();
    await close();
  });

  test("takes up a watch and a batch that were refused", async () => {
    const watch = await openTab(browser, `${stage.url}/#/watch/WAIT1-TOKEN`, { locale: "zh-CN" });
    await watch.page.getByText("服务需要访问令牌").waitFor();
    await watch.page.getByLabel("令牌", { exact: true }).fill(TOKEN);
    await watch.page.keyboard.press("Enter");
    await watch.page.getByRole("heading", { name: "退款成功" }).waitFor();
    await watch.close();

    const batch = await openTab(browser, `${stage.url}/#/batch`);
    await batch.page.getByLabel("Refund numbers").fill("R-SUCCEEDS\nR-CLOSED");
    await batch.page.getByRole("button", { name: "Sync 2 refunds" }).click();
    await batch.page.getByLabel("Token", { exact: true }).fill(TOKEN);
    await batch.page.keyboard.press("Enter");
    await batch.page.getByText("All 2 done.").first().waitFor();
    await batch.close();
  });
});
