import { expect, test } from "vitest";
import { RefundStatus } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import { keyboardOf, LOCALES } from "./keyboard.ts";
import { openProxy } from "./proxy.ts";
import { describeConsole, violations } from "./fixture.ts";

describeConsole("WatchView", (fixture) => {
  test.each(LOCALES)(
    "shows every attempt until the state is final, by keyboard alone, in %s",
    async (locale, messages) => {
      const page = await fixture.open("", { locale, colorScheme: locale === "zh-CN" ? "dark" : "light" });
      const keyboard = keyboardOf(page);
      await keyboard.press(page.getByRole("link", { name: messages.nav.watch, exact: true }), "back");
      await keyboard.at(page.getByLabel(messages.form.number, { exact: true }));
      await keyboard.write(`WAIT2-${locale}`);
      await page.keyboard.press("Enter");
      await page.locator(".countdown", { hasText: /\d+/ }).waitFor();
      await page.getByRole("heading", { name: messages.status[RefundStatus.SUCCEEDED].name }).waitFor();
      await page.locator(".phase", { hasText: messages.watch.ended }).waitFor();
      const items = page.getByRole("listitem");
      await expect.poll(() => items.count()).toBe(3);
      expect(await items.first().textContent()).toContain(messages.watch.attempt(3));
      expect(await violations(page)).toEqual([]);
    },
  );

  test.each(LOCALES)("is stopped and restarted by keyboard alone, in %s", async (locale, messages) => {
    const page = await fixture.open("#/refund/R-WAITS", { locale });
    const keyboard = keyboardOf(page);
    const button = (name: string) => page.getByRole("button", { name, exact: true });
    const watchers = () => fixture.service.app.stats().watchers;
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
    // Leaving the view cancels the watch, too.
    await keyboard.press(page.getByRole("link", { name: messages.nav.batch, exact: true }), "back");
    await expect.poll(watchers).toBe(0);
  });

  test("reconnects when the connection is lost, and says so", async () => {
    const proxy = await openProxy(fixture.service.url);
    const page = await fixture.open(`${proxy.url}/#/watch/WAIT40-PROXY`);
    await page.getByRole("listitem").filter({ hasText: "Attempt 1" }).waitFor();
    proxy.disconnect();
    await page.locator(".countdown", { hasText: "Connection lost" }).waitFor();
    await page.getByRole("status").filter({ hasText: "Connection lost" }).waitFor({ state: "attached" });
    expect(await violations(page)).toEqual([]);
    proxy.reconnect();
    await page.getByRole("listitem").filter({ hasText: "Reconnected" }).waitFor();
    await expect.poll(() => page.getByRole("listitem").filter({ hasText: "Connection lost" }).count()).toBe(1);
    await page.locator(".countdown", { hasText: "Next attempt" }).waitFor();
    await proxy.close();
  });

  test("ends with a failure that is not retryable", async () => {
    const page = await fixture.open("#/watch/R-NOBODY");
    await page.getByRole("heading", { name: "Refund not found" }).waitFor();
    await page.getByText("The watch has ended without a final state.").first().waitFor();
    await expect.poll(() => page.getByRole("listitem").count()).toBe(1);
    expect(await violations(page)).toEqual([]);
  });
});

describeConsole("WatchView on DaxPay 3.0.0", (fixture) => {
  test("warns that FAILED is not final and watches on until SUCCEEDED", async () => {
    const page = await fixture.open("#/watch/R-SOFT-FAILS");
    await page.getByText("Never issue a second refund because of this state alone").waitFor();
    await page.locator(".phase", { hasText: "The watch has ended: the state is final." }).waitFor();
    expect(await page.getByRole("listitem").locator("strong").allTextContents())
      .toEqual(["Succeeded", "Failed", "Failed"]);
    await page.getByText("the signed reply names this refund").waitFor();
  });
}, { release: "3.0.0" });
