import { expect, test } from "vitest";
import { RefundStatus } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import { keyboardOf, SPOKEN } from "./keyboard.ts";
import { openLine } from "./proxy.ts";
import { describeScene, violations } from "./fixture.ts";

describeScene("the console's watch", (scene) => {
  test.each(SPOKEN)("follows a refund to its end with the keyboard alone, in %s", async (locale, messages) => {
    const page = await scene.open("", { locale, colorScheme: locale === "zh-CN" ? "dark" : "light" });
    const keyboard = keyboardOf(page);
    await keyboard.press(page.getByRole("link", { name: messages.nav.watch, exact: true }), "back");
    await keyboard.at(page.getByLabel(messages.form.number, { exact: true }));
    await keyboard.write(`WAIT2-${locale}`);
    await page.keyboard.press("Enter");
    await page.locator(".countdown", { hasText: /\d+/ }).waitFor();
    await page.getByRole("heading", { name: messages.status[RefundStatus.SUCCEEDED].name }).waitFor();
    await page.locator(".phase", { hasText: messages.watch.ended }).waitFor();
    const lines = page.getByRole("listitem");
    await expect.poll(() => lines.count()).toBe(3);
    expect(await lines.first().textContent()).toContain(messages.watch.attempt(3));
    expect(await violations(page)).toEqual([]);
  });

  test.each(SPOKEN)("is stopped and begun again with the keyboard alone, in %s", async (locale, messages) => {
    const page = await scene.open("#/refund/R-WAITS", { locale });
    const keyboard = keyboardOf(page);
    const button = (name: string) => page.getByRole("button", { name, exact: true });
    const watchers = () => scene.stage.app.stats().watchers;
    await page.getByRole("heading", { name: messages.status[RefundStatus.IN_PROGRESS].name }).waitFor();
    await keyboard.press(button(messages.sync.watch).last());
    await expect.poll(watchers).toBe(1);
    await keyboard.press(button(messages.watch.stop));
    await page.locator(".phase", { hasText: messages.watch.stopped }).waitFor();
    await expect.poll(watchers).toBe(0);
    await keyboard.press(button(messages.watch.start));
    await button(messages.watch.stop).waitFor();
    await expect.poll(watchers).toBe(1);
    await keyboard.at(page.locator("#result"));
    expect(await violations(page)).toEqual([]);
    // Leaving the view stops it too.
    await keyboard.press(page.getByRole("link", { name: messages.nav.batch, exact: true }), "back");
    await expect.poll(watchers).toBe(0);
  });

  test("survives a lost connection and says so", async () => {
    const line = await openLine(scene.stage.url);
    const page = await scene.open(`${line.url}/#/watch/WAIT40-LINE`);
    await page.getByRole("listitem").filter({ hasText: "Attempt 1" }).waitFor();
    line.cut();
    await page.locator(".countdown", { hasText: "Connection lost" }).waitFor();
    await page.getByRole("status").filter({ hasText: "Connection lost" }).waitFor({ state: "attached" });
    expect(await violations(page)).toEqual([]);
    line.mend();
    await page.getByRole("listitem").filter({ hasText: "Connected again" }).waitFor();
    await expect.poll(() => page.getByRole("listitem").filter({ hasText: "Connection lost" }).count()).toBe(1);
    await page.locator(".countdown", { hasText: "Next attempt" }).waitFor();
    await line.close();
  });

  test("ends with the failure that makes repeating useless", async () => {
    const page = await scene.open("#/watch/R-NOBODY");
    await page.getByRole("heading", { name: "DaxPay has no such refund" }).waitFor();
    await page.getByText("The watch has ended without a final state.").first().waitFor();
    await expect.poll(() => page.getByRole("listitem").count()).toBe(1);
    expect(await violations(page)).toEqual([]);
  });
});
