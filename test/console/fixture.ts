import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect } from "vitest";
import { type App, createApp } from "../../src/app/app.ts";
import { sandboxConfig } from "../../src/config/sandbox.ts";
import { createSandbox, type Sandbox } from "../../src/sandbox/sandbox.ts";
import { acceleratedClock } from "../support/service.ts";
import { watchFocus } from "./keyboard.ts";

/** Path of Chromium; undefined where it is not installed. */
export const CHROMIUM = [process.env.CHROMIUM_PATH, "/usr/bin/chromium", "/usr/bin/google-chrome"]
  .find((path) => path !== undefined && existsSync(path));

/** The title of a group of tests in a browser; where they are skipped it tells how to run them. */
function inChromium(subject: string): string {
  return CHROMIUM
    ? `${subject}, in ${CHROMIUM}`
    : `${subject}: SKIPPED, Chromium not found; install it (apt-get install chromium) or set CHROMIUM_PATH, ` +
      "then run: deno task test test/console";
}

if (!CHROMIUM) console.warn(inChromium("test/console"));

/** Factor by which the service's waits are shortened. */
const ACCELERATION = 50;

/** A service with an embedded DaxPay. */
export interface ServiceFixture {
  readonly app: App;
  readonly sandbox: Sandbox;
  readonly url: string;
  close(): Promise<void>;
}

export interface ServiceOptions {
  /** Default: 2.0.8, where the service queries before it syncs. On 2.0.6 it only syncs. */
  readonly release?: "2.0.6" | "2.0.8" | "3.0.0";
  readonly variables?: Readonly<Record<string, string>>;
}

export async function startService({ release = "2.0.8", variables }: ServiceOptions = {}): Promise<ServiceFixture> {
  const sandbox = await createSandbox({ release });
  const app = await createApp(
    sandboxConfig({
      DAXPAY_URL: sandbox.url,
      DAXPAY_RELEASE: release,
      DAXPAY_RATE: "100000",
      WATCH_JITTER: "0",
      ...variables,
    }),
    acceleratedClock(ACCELERATION),
  );
  return {
    app,
    sandbox,
    url: app.addresses.http,
    async close() {
      await app.close();
      await sandbox.close();
    },
  };
}

/** A service and a browser for the tests of one group. */
export interface ConsoleFixture {
  readonly service: ServiceFixture;
  readonly browser: Browser;
  /**
   * Opens an address, relative to the service's, as in a new tab. The test fails if the page logs an error, loses the
   * focus or requests another origin.
   */
  open(address: string, tab?: TabOptions): Promise<Page>;
}

export interface TabOptions {
  /** Default: `en-GB`. */
  readonly locale?: string;
  /** Default: `light`. */
  readonly colorScheme?: "light" | "dark";
  /** Pixels. Default: 1280. */
  readonly width?: number;
}

/** Groups tests that drive a browser; skips them where there is none. */
export function describeConsole(
  subject: string,
  tests: (fixture: ConsoleFixture) => void,
  options?: ServiceOptions,
) {
  describe.skipIf(!CHROMIUM)(inChromium(subject), () => {
    let service: ServiceFixture;
    let browser: Browser;
    /** Reused, since a new one takes as long as ten page loads. */
    let tab: Tab | undefined;
    beforeAll(async () => {
      [service, browser] = await Promise.all([startService(options), openBrowser()]);
    });
    afterEach(() => {
      expect(tab?.problems.splice(0) ?? []).toEqual([]);
    });
    afterAll(async () => {
      await browser?.close();
      await service?.close();
    });
    tests({
      get service() {
        return service;
      },
      get browser() {
        return browser;
      },
      async open(address, tabOptions) {
        tab ??= await openTab(browser);
        await tab.show(new URL(address, service.url), tabOptions);
        return tab.page;
      },
    });
  });
}

function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
      // A host that the browser does not take for localhost, so plain HTTP is an insecure context.
      "--host-resolver-rules=MAP 192.0.2.7 127.0.0.1",
    ],
  });
}

interface Tab {
  readonly page: Page;
  /** Console errors, uncaught exceptions, a lost focus, and addresses outside the page's origin. */
  readonly problems: string[];
  show(address: URL, options?: TabOptions): Promise<void>;
}

/** Chromium's own messages about connections that a test has broken, and about plain HTTP. */
const IGNORED_ERRORS = /^(Failed to load resource: net::ERR_|The Cross-Origin-Opener-Policy header has been ignored)/;

async function openTab(browser: Browser): Promise<Tab> {
  const context = await browser.newContext({
    permissions: ["clipboard-read", "clipboard-write"],
    reducedMotion: "reduce",
  });
  // Below the timeout of a test, so that the error names the missing element.
  context.setDefaultTimeout(30_000);
  await context.addInitScript(watchFocus);
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  const userAgent = await page.evaluate(() => navigator.userAgent);
  const problems: string[] = [];
  let origin = "";
  page.on("console", (message) => {
    if (message.type() === "error" && !IGNORED_ERRORS.test(message.text())) problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith("blob:")) problems.push(request.url());
  });

  async function show(
    { href, origin: nextOrigin }: URL,
    { locale = "en-GB", colorScheme = "light", width = 1280 }: TabOptions = {},
  ) {
    // Playwright cannot change the locale of an open context.
    await devtools.send("Emulation.setLocaleOverride", { locale });
    await devtools.send("Emulation.setUserAgentOverride", { userAgent, acceptLanguage: locale });
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    if (origin !== "") await page.evaluate(() => sessionStorage.clear());
    if (origin === nextOrigin) {
      // Navigating to an address that differs only in its fragment would not load the page again.
      await page.evaluate((href) => history.replaceState(null, "", href), href);
      await page.reload();
    } else {
      origin = nextOrigin;
      await page.goto(href);
    }
  }
  return { page, problems, show };
}

const AXE = CHROMIUM ? readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8") : "";

/** The violations of WCAG 2.2 A and AA on the page. */
export async function violations(page: Page): Promise<string[]> {
  // Evaluated by the debugger, to which the page's Content-Security-Policy does not apply.
  if (!await page.evaluate(() => "axe" in globalThis)) await page.evaluate(AXE);
  return await page.evaluate(async () => {
    // deno-lint-ignore no-explicit-any
    const { axe } = globalThis as any;
    const result = await axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      resultTypes: ["violations"],
    });
    return result.violations.flatMap(({ id, nodes }: { id: string; nodes: { html: string }[] }) =>
      nodes.map((node) => `${id}: ${node.html}`)
    );
  });
}
