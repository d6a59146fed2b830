import { expect, test } from "vitest";
import { RefundStatus } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import { keyboardOf, LOCALES } from "./keyboard.ts";
import { describeConsole, startService, violations } from "./fixture.ts";

describeConsole("SyncView", (fixture) => {
  test.each(LOCALES)(
    "syncs by either number and copies the result by keyboard alone, in %s",
    async (locale, messages) => {
      const page = await fixture.open("", { locale });
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
      expect(await card.textContent()).toMatch(/success.*退款成功/);
      expect(await card.getByText(messages.refund.final, { exact: true }).count()).toBe(1);
      expect(await card.locator("svg.succeeded").count()).toBe(1);
      expect(await card.locator("time").last().getAttribute("title")).toMatch(/^\d{4}-\d\d-\d\dT.*Z \(.+, .+\)$/);
      expect(new URL(page.url()).hash).toBe("#/refund/R-SUCCEEDS");
      await expect.poll(() => page.title()).toBe(`${name} · R-SUCCEEDS · ${messages.title}`);
      await page.getByRole("status").filter({ hasText: name }).waitFor({ state: "attached" });

      await keyboard.press(button(messages.copy.label(messages.refund.traceId)));
      await card.getByText(messages.copy.done).waitFor();
      expect(await copied()).toMatch(/^\w{12}$/);
      expect(await card.textContent()).toContain(await copied());
      await keyboard.press(button(messages.sync.again));
      await card.getByRole("heading", { name }).waitFor();
      // While the button is gone the focus is at the result, not at the top of the page.
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
      await keyboard.press(button(messages.copy.label(messages.commands.curl)));
      await expect.poll(copied).toContain(`'{"bizRefundNo":"B-CLOSED","clientIp":"192.0.2.7"}'`);
      expect(await page.locator("pre").allTextContents()).toContain(await copied());
      expect(await violations(page)).toEqual([]);
    },
  );

  test.each(LOCALES)(
    "leads to the content, to watch and batch and back by keyboard alone, in %s",
    async (locale, messages) => {
      const page = await fixture.open("#/refund/R-WAITS", { locale });
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

  test.each(LOCALES)(
    "uses the browser's language %s, and keeps another one for the tab",
    async (locale, messages) => {
      const page = await fixture.open("#/refund/R-WAITS", { locale });
      const [other] = LOCALES.map(([, each]) => each).filter((each) => each !== messages);
      const nameIn = (each: typeof messages) => each.status[RefundStatus.IN_PROGRESS].name;
      await page.getByRole("heading", { name: nameIn(messages) }).waitFor();
      expect(await page.getAttribute("html", "lang")).toBe(messages.languageTag);
      await keyboardOf(page).to(page.getByLabel("语言 Language"));
      await page.keyboard.press(messages.locale === "en" ? "ArrowDown" : "ArrowUp");
      await page.getByRole("heading", { name: nameIn(other) }).waitFor();
      await page.reload();
      await page.getByRole("heading", { name: nameIn(other) }).waitFor();
      expect(await page.getAttribute("html", "lang")).toBe(other.languageTag);
    },
  );

  test("syncs a number that is pasted anywhere, and opens the batch with a pasted list", async () => {
    const page = await fixture.open("");
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

  test("syncs the merchant's number from the address", async () => {
    const page = await fixture.open("#/refund/biz/B-SUCCEEDS");
    await page.getByRole("heading", { name: "Succeeded" }).waitFor();
    expect(await page.getByLabel("The merchant's").isChecked()).toBe(true);
  });

  test("rejects an empty number", async () => {
    const page = await fixture.open("");
    await page.getByRole("button", { name: "Sync", exact: true }).click();
    expect(await page.getByRole("alert").textContent()).toBe("Enter a refund number.");
    await keyboardOf(page).at(page.getByLabel("Refund number"));
    expect(await violations(page)).toEqual([]);
  });

  test("selects the text where the browser has no clipboard for plain HTTP", async () => {
    const { port } = new URL(fixture.service.url);
    const page = await fixture.open(`http://192.0.2.7:${port}/#/refund/R-SUCCEEDS`);
    await keyboardOf(page).press(page.getByRole("button", { name: "Copy: DaxPay trace ID" }));
    await page.getByText("Selected: press Ctrl+C").waitFor();
    expect(await page.evaluate(() => getSelection()?.toString())).toMatch(/^\w{12}$/);
  });

  test("shows that the service is unreachable", async () => {
    const stopped = await startService();
    const page = await fixture.open(stopped.url);
    await stopped.close();
    await page.getByLabel("Refund number").fill("R-SUCCEEDS");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "The service is unreachable" }).waitFor();
    expect(await violations(page)).toEqual([]);
  });

  test("fits widths of 320 and 1920 pixels, light and dark", async () => {
    const page = await fixture.open("");
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

  test("shows a hostile number from the address as text", async () => {
    const number = '"><script>alert(1)</script>\u202e' + "W".repeat(60);
    const page = await fixture.open(`#/refund/biz/${encodeURIComponent(number)}`, { width: 320 });
    await page.getByRole("article").waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
    expect(await page.locator("main script").count()).toBe(0);
    await page.getByText("The same request on the command line").click();
    expect(await page.locator("pre").first().textContent()).not.toContain("\u202e");
    expect(await violations(page)).toEqual([]);
  });
});
