import { expect, test } from "vitest";
import { RefundStatus } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import { Delivery, FailureReason } from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { keyboardOf, SPOKEN } from "./keyboard.ts";
import { describeScene, openStage, violations } from "./fixture.ts";

describeScene("the console's sync", (scene) => {
  test.each(SPOKEN)("asks by either number and copies with the keyboard alone, in %s", async (locale, messages) => {
    const page = await scene.open("", { locale });
    const keyboard = keyboardOf(page);
    const field = page.getByLabel(messages.form.number, { exact: true });
    const button = (name: string) => page.getByRole("button", { name, exact: true });
    const copied = () => page.evaluate(() => navigator.clipboard.readText());
    const card = page.getByRole("article");
    await keyboard.at(field);

    const { name } = messages.status[RefundStatus.SUCCEEDED];
    await keyboard.write("R-SUCCEEDS");
    await page.keyboard.press("Enter");
    await card.getByRole("heading", { name }).waitFor();
    expect(await card.textContent()).toMatch(/refund_success.*退款成功/);
    expect(await card.getByText(messages.sync.final, { exact: true }).count()).toBe(1);
    expect(await card.locator("svg.succeeded").count()).toBe(1);
    expect(await card.locator("time").getAttribute("title")).toMatch(/^\d{4}-\d\d-\d\dT.*Z \(.+, .+\)$/);
    expect(new URL(page.url()).hash).toBe("#/refund/R-SUCCEEDS");
    await expect.poll(() => page.title()).toBe(`${name} · R-SUCCEEDS · ${messages.title}`);
    await page.getByRole("status").filter({ hasText: name }).waitFor({ state: "attached" });

    await keyboard.press(button(messages.copy.what(messages.sync.traceId)));
    await card.getByText(messages.copy.done).waitFor();
    expect(await copied()).toMatch(/^\w{12}$/);
    expect(await card.textContent()).toContain(await copied());
    await keyboard.press(button(messages.sync.again));
    await card.getByRole("heading", { name }).waitFor();
    // The button is gone for a while: the focus waits at the result, not at the page's start.
    await keyboard.at(page.locator("#result"));

    await keyboard.to(field, "back");
    await keyboard.write("B-CLOSED");
    await keyboard.to(page.getByLabel(messages.form.refundNo, { exact: true }));
    await page.keyboard.press("ArrowDown");
    await keyboard.press(page.getByText(messages.form.more, { exact: true }));
    await keyboard.to(page.getByLabel(messages.form.clientIp));
    await keyboard.write("192.0.2.7");
    await page.keyboard.press("Enter");
    await card.getByRole("heading", { name: messages.status[RefundStatus.CLOSED].name }).waitFor();
    expect(new URL(page.url()).hash).toBe("#/refund/biz/B-CLOSED");

    await keyboard.press(page.getByText(messages.commands.heading));
    await keyboard.press(button(messages.copy.what(messages.commands.curl)));
    await expect.poll(copied).toContain(`'{"bizRefundNo":"B-CLOSED","clientIp":"192.0.2.7"}'`);
    expect(await page.locator("pre").allTextContents()).toContain(await copied());
    expect(await violations(page)).toEqual([]);
  });

  test.each(SPOKEN)(
    "leads to the content, watch, batch and back with the keyboard alone, in %s",
    async (locale, messages) => {
      const page = await scene.open("#/refund/R-WAITS", { locale });
      const keyboard = keyboardOf(page);
      await page.getByRole("heading", { name: messages.status[RefundStatus.IN_PROGRESS].name }).waitFor();
      await keyboard.press(page.getByRole("link", { name: messages.skip }));
      await keyboard.press(page.getByRole("button", { name: messages.sync.watch, exact: true }).last());
      await page.getByRole("heading", { name: messages.form.watchHeading }).waitFor();
      await keyboard.at(page.locator("#result"));
      await keyboard.press(page.getByRole("link", { name: messages.nav.batch, exact: true }), "back");
      await keyboard.at(page.getByLabel(messages.batch.list));
      await keyboard.press(page.getByRole("link", { name: messages.nav.sync, exact: true }), "back");
      await keyboard.at(page.getByLabel(messages.form.number, { exact: true }));
    },
  );

  test.each(SPOKEN)(
    "speaks the browser's %s, switches by keyboard and remembers it for the tab",
    async (locale, messages) => {
      const page = await scene.open("#/refund/R-WAITS", { locale });
      const [other] = SPOKEN.map(([, each]) => each).filter((each) => each !== messages);
      const nameIn = (spoken: typeof messages) => spoken.status[RefundStatus.IN_PROGRESS].name;
      await page.getByRole("heading", { name: nameIn(messages) }).waitFor();
      expect(await page.getAttribute("html", "lang")).toBe(messages.languageTag);
      await keyboardOf(page).to(page.getByLabel("语言 Language"));
      await page.keyboard.press(messages.locale === "en" ? "ArrowDown" : "ArrowUp");
      await page.getByRole("heading", { name: nameIn(other) }).waitFor();
      await page.reload();
      await page.getByRole("heading", { name: nameIn(other) }).waitFor();
      expect(await page.getAttribute("html", "lang")).toBe(other.locale);
    },
  );

  test.each(SPOKEN)(
    "tells what failed, who heard of it and when to try again, by keyboard, in %s",
    async (locale, messages) => {
      const page = await scene.open("", { locale, colorScheme: locale === "zh-CN" ? "dark" : "light" });
      const keyboard = keyboardOf(page);
      const card = page.getByRole("article");
      const again = page.getByRole("button", { name: messages.retry.button, exact: true });
      const failures = [
        ["FAULT-WRONG-SIGN", FailureReason.REPLY_UNVERIFIED, Delivery.ANSWERED, false],
        ["R-NOBODY-KNOWS", FailureReason.REFUND_NOT_FOUND, Delivery.ANSWERED, false],
        ["FAULT-CUT", FailureReason.REPLY_INTERRUPTED, Delivery.IN_DOUBT, true],
        ["FAULT-HTTP-500", FailureReason.UPSTREAM_ERROR, Delivery.ANSWERED, true],
      ] as const;
      for (const [number, reason, delivery, helps] of failures) {
        await keyboard.to(page.getByLabel(messages.form.number, { exact: true }), "back");
        await keyboard.write(number);
        await page.keyboard.press("Enter");
        await card.getByRole("heading", { name: messages.failure[reason].title }).waitFor();
        expect(await card.textContent()).toContain(messages.delivery[delivery]);
        expect(await card.textContent()).toMatch(
          helps ? new RegExp(`${messages.retry.in(".+")}|${messages.retry.now}`) : messages.retry.useless,
        );
        expect(await again.count()).toBe(helps ? 1 : 0);
        const name = card.getByText(FailureReason[reason], { exact: true });
        expect(await name.isVisible()).toBe(false);
        await keyboard.press(card.getByText(messages.failed.details));
        expect(await name.isVisible()).toBe(true);
        expect(await card.getByText(Delivery[delivery], { exact: true }).isVisible()).toBe(true);
      }
      expect(await violations(page)).toEqual([]);
      scene.stage.sandbox.setFault("html-200", { refundNo: "FAULT-HTTP-500", times: 1 });
      await keyboard.press(again, "back");
      await card.getByRole("heading", { name: messages.failure[FailureReason.REPLY_MALFORMED].title }).waitFor();
    },
  );

  test("goes at once when a number is pasted anywhere, and to the batch with a list", async () => {
    const page = await scene.open("");
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
  });

  test("takes the merchant's number from the address", async () => {
    const page = await scene.open("#/refund/biz/B-SUCCEEDS");
    await page.getByRole("heading", { name: "Succeeded" }).waitFor();
    expect(await page.getByLabel("The merchant's").isChecked()).toBe(true);
  });

  test("wants a number and says so", async () => {
    const page = await scene.open("");
    await page.getByRole("button", { name: "Sync now" }).click();
    expect(await page.getByRole("alert").textContent()).toBe("Enter a refund number.");
    await keyboardOf(page).at(page.getByLabel("Refund number"));
    expect(await violations(page)).toEqual([]);
  });

  test("selects what it cannot copy, where the browser offers plain HTTP no clipboard", async () => {
    const { port } = new URL(scene.stage.url);
    const page = await scene.open(`http://192.0.2.7:${port}/#/refund/R-SUCCEEDS`);
    await keyboardOf(page).press(page.getByRole("button", { name: "Copy: Trace id" }));
    await page.getByText("Selected: now press Ctrl+C").waitFor();
    expect(await page.evaluate(() => getSelection()?.toString())).toMatch(/^\w{12}$/);
  });

  test("shows the service's own messages about a request that breaks the rules", async () => {
    const page = await scene.open(`#/refund/${"9".repeat(33)}`);
    await page.getByRole("heading", { name: "The request breaks the rules" }).waitFor();
    expect(await page.locator("blockquote").textContent()).toContain("refund_no");
    expect(await violations(page)).toEqual([]);
  });

  test("says so when the service is gone", async () => {
    const gone = await openStage();
    const page = await scene.open(gone.url);
    await gone.close();
    await page.getByLabel("Refund number").fill("R-SUCCEEDS");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "The service cannot be reached" }).waitFor();
    expect(await violations(page)).toEqual([]);
  });

  test("fits any width, light and dark", async () => {
    const page = await scene.open("");
    for (const hash of ["#/", "#/refund/R-SUCCEEDS", "#/refund/FAULT-HOSTILE-TEXT", "#/batch"]) {
      await page.evaluate((hash) => void (location.hash = hash), hash);
      if (hash.startsWith("#/refund")) {
        await page.getByRole("region", { name: hash.slice(9) }).getByRole("article").waitFor();
      }
      for (const [width, colorScheme] of [[320, "light"], [1920, "dark"]] as const) {
        await page.setViewportSize({ width, height: 800 });
        await page.emulateMedia({ colorScheme });
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
        expect(await violations(page)).toEqual([]);
      }
    }
  });

  test("shows hostile text as text", async () => {
    const page = await scene.open("#/refund/FAULT-HOSTILE-TEXT", { width: 320 });
    const quote = page.locator("blockquote bdi");
    await quote.waitFor();
    expect(await quote.textContent()).toContain("<img src=x onerror=alert(1)>");
    expect(await quote.textContent()).not.toContain("\u202e");
    await expect.poll(() => quote.locator(".code-point", { hasText: "U+202E" }).count()).toBe(1);
    expect(await quote.evaluate((element) => getComputedStyle(element).unicodeBidi)).toBe("isolate");
    expect(await page.locator("img").count()).toBe(0);
  });

  test("shows a hostile number from the address as text", async () => {
    const number = '"><script>alert(1)</script>\u202e' + "W".repeat(60);
    const page = await scene.open(`#/refund/biz/${encodeURIComponent(number)}`, { width: 320 });
    await page.getByRole("article").waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
    expect(await page.locator("main script").count()).toBe(0);
    await page.getByText("The same call on the command line").click();
    expect(await page.locator("pre").first().textContent()).not.toContain("\u202e");
    expect(await violations(page)).toEqual([]);
  });
});
