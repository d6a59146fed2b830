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

/** Where a Chromium is; undefined where there is none. */
export const CHROMIUM = [process.env.CHROMIUM_PATH, "/usr/bin/chromium", "/usr/bin/google-chrome"]
  .find((path) => path !== undefined && existsSync(path));

/** The title of a group of tests that drives a browser: where they are skipped it says how not to. */
function inChromium(subject: string): string {
  return CHROMIUM
    ? `${subject}, in ${CHROMIUM}`
    : `${subject}: SKIPPED, found no Chromium; install it (apt-get install chromium) or set CHROMIUM_PATH, ` +
      "then run: deno task test test/console";
}

if (!CHROMIUM) console.warn(inChromium("test/console"));

/** The service's waits pass so many times faster than on a real clock. */
const HASTE = 50;

/** A service with an embedded DaxPay. */
export interface Stage {
  readonly app: App;
  readonly sandbox: Sandbox;
  readonly url: string;
  close(): Promise<void>;
}

export async function openStage(variables: Readonly<Record<string, string>> = {}): Promise<Stage> {
  const sandbox = await createSandbox({ release: "2.0.8" });
  const app = await createApp(
    sandboxConfig({
      DAXPAY_URL: sandbox.url,
      DAXPAY_RELEASE: "2.0.8",
      DAXPAY_RATE: "100000",
      WATCH_JITTER: "0",
      ...variables,
    }),
    acceleratedClock(HASTE),
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

/** A stage and a browser before it, for the tests of one group. */
export interface Scene {
  readonly stage: Stage;
  readonly browser: Browser;
  /**
   * Shows an address (the stage's, where it names no other) as a tab does that was just opened. After the test nothing
   * may have complained in it.
   */
  open(address: string, view?: TableView): Promise<Page>;
}

export interface TableView {
  /** `en-GB` unless said. */
  readonly locale?: string;
  /** `light` unless said. */
  readonly colorScheme?: "light" | "dark";
  /** Pixels; 1280 unless said. */
  readonly width?: number;
}

/** Groups tests that drive a browser; says so where there is none. */
export function describeScene(subject: string, tests: (scene: Scene) => void, variables?: Record<string, string>) {
  describe.skipIf(!CHROMIUM)(inChromium(subject), () => {
    let stage: Stage;
    let browser: Browser;
    /** A new one costs as much time as ten pages, so it is used again. */
    let tab: Tab | undefined;
    beforeAll(async () => {
      [stage, browser] = await Promise.all([openStage(variables), openBrowser()]);
    });
    afterEach(() => {
      expect(tab?.complaints.splice(0) ?? []).toEqual([]);
    });
    afterAll(async () => {
      await browser?.close();
      await stage?.close();
    });
    tests({
      get stage() {
        return stage;
      },
      get browser() {
        return browser;
      },
      async open(address, view) {
        tab ??= await openTab(browser);
        await tab.show(new URL(address, stage.url), view);
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
      // A host that is not this machine's own to the browser: to it, plain HTTP is not safe.
      "--host-resolver-rules=MAP 192.0.2.7 127.0.0.1",
    ],
  });
}

interface Tab {
  readonly page: Page;
  /** Console errors, uncaught exceptions, a lost focus, and addresses outside the page's origin. */
  readonly complaints: string[];
  show(address: URL, view?: TableView): Promise<void>;
}

/** Chromium's own lines about connections that a test has cut, and about plain HTTP. */
const NO_COMPLAINT = /^(Failed to load resource: net::ERR_|The Cross-Origin-Opener-Policy header has been ignored)/;

async function openTab(browser: Browser): Promise<Tab> {
  const context = await browser.newContext({
    permissions: ["clipboard-read", "clipboard-write"],
    reducedMotion: "reduce",
  });
  // Below the test's own, so that what is missing is refundRef.
  context.setDefaultTimeout(30_000);
  await context.addInitScript(watchFocus);
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  const userAgent = await page.evaluate(() => navigator.userAgent);
  const complaints: string[] = [];
  let origin = "";
  page.on("console", (message) => {
    if (message.type() === "error" && !NO_COMPLAINT.test(message.text())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith("blob:")) complaints.push(request.url());
  });

  async function show(
    { href, origin: wanted }: URL,
    { locale = "en-GB", colorScheme = "light", width = 1280 }: TableView = {},
  ) {
    // Playwright itself knows no second locale of a context.
    await devtools.send("Emulation.setLocaleOverride", { locale });
    await devtools.send("Emulation.setUserAgentOverride", { userAgent, acceptLanguage: locale });
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    if (origin !== "") await page.evaluate(() => sessionStorage.clear());
    if (origin === wanted) {
      // By its address alone a page that stands there already would not be loaded anew.
      await page.evaluate((href) => history.replaceState(null, "", href), href);
      await page.reload();
    } else {
      origin = wanted;
      await page.goto(href);
    }
  }
  return { page, complaints, show };
}

const AXE = CHROMIUM ? readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8") : "";

/** The rules of WCAG 2.2 A and AA that the page breaks, and where. */
export async function violations(page: Page): Promise<string[]> {
  // By the debugger, which the page's own policy does not bind.
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
