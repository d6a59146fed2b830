import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { type App, createApp } from "../../src/app.ts";
import { localConfig } from "../../src/local.ts";
import { hasty } from "../service.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";

/** Where a Chromium is; undefined where there is none. */
export const CHROMIUM = [process.env.CHROMIUM_PATH, "/usr/bin/chromium", "/usr/bin/google-chrome"]
  .find((path) => path !== undefined && existsSync(path));

/** The title of every group of tests that drives a browser: where they are skipped it says how not to. */
export function inChromium(subject: string): string {
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
  readonly url: string;
  close(): Promise<void>;
}

export async function openStage(variables: Readonly<Record<string, string>> = {}): Promise<Stage> {
  const sandbox = await createSandbox({ release: "2.0.8" });
  const app = await createApp(
    localConfig({
      DAXPAY_URL: sandbox.url,
      DAXPAY_RELEASE: "2.0.8",
      DAXPAY_RATE: "100000",
      WATCH_JITTER: "0",
      ...variables,
    }),
    hasty(HASTE),
  );
  return {
    app,
    url: app.addresses.http,
    async close() {
      await app.close();
      await sandbox.close();
    },
  };
}

export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
    ],
  });
}

/** A tab, and everything that may not happen in it. */
export interface Tab {
  readonly page: Page;
  /** Console errors and uncaught exceptions, without Chromium's own lines about connections that a test has cut. */
  readonly errors: string[];
  /** Addresses asked for outside the page's origin. */
  readonly strangers: string[];
  close(): Promise<void>;
}

export async function openTab(browser: Browser, address: string, options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext({ locale: "en-GB", reducedMotion: "reduce", ...options });
  // Below the test's own, so that what is missing is named.
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  const errors: string[] = [];
  const strangers: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource: net::ERR_")) {
      errors.push(message.text());
    }
  });
  page.on("pageerror", (error) => errors.push(error.message));
  const { origin } = new URL(address);
  page.on("request", (request) => {
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith("blob:")) strangers.push(request.url());
  });
  await page.goto(address);
  return { page, errors, strangers, close: () => context.close() };
}

const AXE = CHROMIUM ? readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8") : "";

/** The rules of WCAG 2.2 A and AA that the page breaks, and where. */
export async function violations(page: Page): Promise<string[]> {
  // By the debugger, which the page's own policy does not bind.
  await page.evaluate(AXE);
  return await page.evaluate(async () => {
    // deno-lint-ignore no-explicit-any
    const { axe } = globalThis as any;
    const result = await axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    });
    return result.violations.flatMap(({ id, nodes }: { id: string; nodes: { html: string }[] }) =>
      nodes.map((node) => `${id}: ${node.html}`)
    );
  });
}
