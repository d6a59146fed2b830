import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { RefundStatus } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import { keyboardOf, LOCALES } from "./keyboard.ts";
import { describeConsole, violations } from "./fixture.ts";

const TOKEN = "let-me-in-0123456789";
const folder = mkdtempSync(join(tmpdir(), "console-"));
const file = join(folder, "tokens");
writeFileSync(file, `operator ${TOKEN}\n`);
afterAll(() => rmSync(folder, { recursive: true }));

describeConsole("TokenForm", (fixture) => {
  test.each(LOCALES)(
    "asks for a token until it is accepted, keeps it for the tab and deletes it, by keyboard alone, in %s",
    async (locale, messages) => {
      const page = await fixture.open("#/refund/R-SUCCEEDS", { locale });
      const keyboard = keyboardOf(page);
      const field = page.getByLabel(messages.token.label, { exact: true });
      const enter = async (token: string) => {
        await keyboard.at(field);
        await keyboard.write(token);
        await page.keyboard.press("Enter");
      };
      const succeeded = page.getByRole("heading", { name: messages.status[RefundStatus.SUCCEEDED].name });
      await page.getByText(messages.token.missing).waitFor();
      expect(await violations(page)).toEqual([]);
      await enter("two messages");
      await page.getByText(messages.token.invalid).waitFor();
      await enter("guessed");
      await page.getByText(messages.token.wrong).waitFor();
      await enter(TOKEN);
      await succeeded.waitFor();
      expect(await page.getByText(messages.token.heading, { exact: true }).count()).toBe(0);
      await keyboard.at(page.locator("#result"));
      await keyboard.press(page.getByText(messages.commands.heading));
      expect(await page.locator("pre").first().textContent()).toContain("Bearer $TOKEN");
      expect(await page.content()).not.toContain(TOKEN);

      await page.reload();
      await succeeded.waitFor();
      expect(await page.evaluate(() => localStorage.length + document.cookie.length)).toBe(0);
      await keyboard.press(page.getByRole("button", { name: messages.token.forget }));
      await keyboard.press(page.getByRole("button", { name: messages.sync.again, exact: true }));
      await page.getByText(messages.token.missing).waitFor();
    },
  );

  test("resumes a watch that was rejected", async () => {
    const page = await fixture.open("#/watch/WAIT1-TOKEN", { locale: "zh-CN" });
    await page.getByText("服务需要访问令牌").waitFor();
    await page.keyboard.type(TOKEN);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "退款成功" }).waitFor();
  });

  test("resumes a batch that was rejected", async () => {
    const page = await fixture.open("#/batch");
    await page.getByLabel("Refund numbers").fill("R-SUCCEEDS\nR-CLOSED");
    await page.getByRole("button", { name: "Sync 2 refunds" }).click();
    await page.getByText("The service requires an access token.").waitFor();
    await page.keyboard.type(TOKEN);
    await page.keyboard.press("Enter");
    await page.getByText("All 2 done.").first().waitFor();
  });
}, { variables: { AUTH_TOKENS_FILE: file } });
