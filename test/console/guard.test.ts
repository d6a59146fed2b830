import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, inChromium, openBrowser, openStage, openTab, type Stage } from "./stage.ts";

/** What a page may weigh in all, compressed, and how long it may take until it can be used. */
const MOST_BYTES = 150_000;
const MOST_MS = 1_000;

describe.skipIf(!CHROMIUM)(inChromium("the console's guards and weight"), () => {
  let stage: Stage;
  let browser: Browser;
  beforeAll(async () => {
    [stage, browser] = await Promise.all([openStage(), openBrowser()]);
  });
  afterAll(async () => {
    await browser?.close();
    await stage?.close();
  });

  test("the policy stops injected scripts, styles, markup, foreign hosts and frames", async () => {
    const { page, close } = await openTab(browser, stage.url);
    const broken = await page.evaluate(async () => {
      const violated: string[] = [];
      document.addEventListener("securitypolicyviolation", (event) => violated.push(event.effectiveDirective));
      const attempt = async (act: () => unknown) => {
        try {
          await act();
        } catch {
          // What was thrown is the guard at work; what counts is what happened.
        }
      };
      const append = (tag: string, attributes: Record<string, string>, text = "") =>
        attempt(() => {
          const element = document.createElement(tag);
          for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
          element.append(text);
          document.body.append(element);
        });
      await append("script", {}, "globalThis.broken = 'inline script'");
      await append("style", {}, "body { color: rgb(1, 2, 3) }");
      await append("p", { style: "color: rgb(1, 2, 3)", onclick: "globalThis.broken = 'handler'" });
      await append("img", { src: "https://example.com/x.png" });
      await append("iframe", { src: "https://example.com/" });
      await append("base", { href: "https://example.com/" });
      await attempt(() => document.body.insertAdjacentHTML("beforeend", "<b id=markup></b>"));
      await attempt(() => Object.assign(document.body, { innerHTML: "<b id=markup></b>" }));
      // Later, for what the debugger runs itself may evaluate text.
      setTimeout(() => attempt(() => new Function("globalThis.broken = 'eval'")()));
      await attempt(() => fetch("https://example.com/"));
      document.querySelectorAll("p").forEach((element) => element.click());
      await new Promise((resolve) => setTimeout(resolve, 200));
      return {
        violated: [...new Set(violated)].sort(),
        broken: (globalThis as unknown as { broken?: string }).broken,
        color: getComputedStyle(document.body).color,
        markup: document.getElementById("markup") !== null,
      };
    });
    expect(broken.broken).toBeUndefined();
    expect(broken.color).not.toBe("rgb(1, 2, 3)");
    expect(broken.markup).toBe(false);
    for (const directive of ["base-uri", "connect-src", "frame-src", "img-src", "style-src-elem", "style-src-attr"]) {
      expect(broken.violated).toContain(directive);
    }
    await close();
  });

  test("no other page may frame it", async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.route(
      "http://framer.test/",
      (route) => route.fulfill({ contentType: "text/html", body: `<iframe src="${stage.url}/"></iframe>` }),
    );
    await page.goto("http://framer.test/");
    const frame = page.frames()[1];
    expect(await frame.locator("main").count()).toBe(0);
    await context.close();
  });

  test("it weighs little and can be used soon", async () => {
    const { page, close } = await openTab(browser, "about:blank");
    let bytes = 0;
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Network.enable");
    devtools.on("Network.loadingFinished", ({ encodedDataLength }) => bytes += encodedDataLength);
    const times: number[] = [];
    for (let visit = 0; visit < 5; visit++) {
      await devtools.send("Network.setCacheDisabled", { cacheDisabled: true });
      if (visit > 0) bytes = 0;
      await page.goto(stage.url, { waitUntil: "commit" });
      await page.getByRole("button", { name: "Sync now" }).waitFor();
      await page.waitForLoadState("networkidle");
      times.push(await page.evaluate(() => performance.getEntriesByName("usable")[0].startTime));
    }
    console.log(
      `the page: ${bytes} bytes over the line in all, usable after ${times.map((ms) => ms.toFixed(0)).join(", ")} ms`,
    );
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(MOST_BYTES);
    // The quickest visit: the others may have waited for a core that somebody else had.
    expect(Math.min(...times)).toBeLessThan(MOST_MS);
    await close();
  });
});
