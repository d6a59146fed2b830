import { expect, test } from "vitest";
import { Delivery, FailureReason } from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { describeConsole, violations } from "./fixture.ts";
import { keyboardOf, LOCALES } from "./keyboard.ts";

describeConsole("FailureCard", (fixture) => {
  test.each(LOCALES)(
    "shows a failure with its delivery, retry and technical details, by keyboard alone, in %s",
    async (locale, messages) => {
      const page = await fixture.open("", { locale, colorScheme: locale === "zh-CN" ? "dark" : "light" });
      const keyboard = keyboardOf(page);
      const card = page.getByRole("article");
      const retry = page.getByRole("button", { name: messages.failed.retry, exact: true });
      const failures = [
        ["FAULT-WRONG-SIGN", FailureReason.REPLY_UNVERIFIED, Delivery.ANSWERED, false],
        ["R-NOBODY-KNOWS", FailureReason.REFUND_NOT_FOUND, Delivery.ANSWERED, false],
        ["FAULT-RESET", FailureReason.REPLY_INTERRUPTED, Delivery.IN_DOUBT, true],
        ["FAULT-HTTP-500", FailureReason.UPSTREAM_ERROR, Delivery.ANSWERED, true],
      ] as const;
      for (const [number, reason, delivery, retryable] of failures) {
        await keyboard.to(page.getByLabel(messages.form.number, { exact: true }), "back");
        await keyboard.write(number);
        await page.keyboard.press("Enter");
        await card.getByRole("heading", { name: messages.failure[reason].title }).waitFor();
        expect(await card.textContent()).toContain(messages.delivery[delivery]);
        expect(await card.textContent()).toMatch(
          retryable
            ? new RegExp(`${messages.failed.retryIn(".+")}|${messages.failed.retryNow}`)
            : messages.failed.notRetryable,
        );
        expect(await retry.count()).toBe(retryable ? 1 : 0);
        const name = card.getByText(FailureReason[reason], { exact: true });
        expect(await name.isVisible()).toBe(false);
        await keyboard.press(card.getByText(messages.failed.details));
        expect(await name.isVisible()).toBe(true);
        expect(await card.getByText(Delivery[delivery], { exact: true }).isVisible()).toBe(true);
      }
      expect(await violations(page)).toEqual([]);
      fixture.service.sandbox.setFault("html-200", { refundNo: "FAULT-HTTP-500", times: 1 });
      await keyboard.press(retry, "back");
      await card.getByRole("heading", { name: messages.failure[FailureReason.REPLY_MALFORMED].title }).waitFor();
    },
  );

  test("shows hostile text of DaxPay as text", async () => {
    const page = await fixture.open("#/refund/FAULT-HOSTILE-TEXT", { width: 320 });
    const quote = page.locator("blockquote bdi");
    await quote.waitFor();
    expect(await quote.textContent()).toContain("<img src=x onerror=alert(1)>");
    expect(await quote.textContent()).not.toContain("\u202e");
    await expect.poll(() => quote.locator(".code-point", { hasText: "U+202E" }).count()).toBe(1);
    expect(await quote.evaluate((element) => getComputedStyle(element).unicodeBidi)).toBe("isolate");
    expect(await page.locator("img").count()).toBe(0);
  });
}, { release: "2.0.6" });
