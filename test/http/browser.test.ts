import { existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { type Browser, chromium } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { acceleratedClock, startService } from "../support/service.ts";
import { createAuthority } from "../support/authority.ts";

const CHROMIUM = "/usr/bin/chromium";
const TOKEN = "t0ken-of-the-shops-own-page";

/** What the page runs: this repository's own client, called by name. */
const SCRIPT = `
  import { createRefundClient } from "${path.resolve(import.meta.dirname ?? "", "../../src/client.ts")}";
  window.sync = async (baseUrl, protocol, token) => {
    const refund = await createRefundClient({ timeoutMs: 60_000, baseUrl, protocol, token, repeats: 0 }).syncRefund({ refundNo: "R-SUCCEEDS" });
    return refund.daxpayStatus;
  };
  window.watch = async (baseUrl, protocol, token) => {
    const words = [];
    const client = createRefundClient({ timeoutMs: 60_000, baseUrl, protocol, token });
    for await (const { outcome } of client.watchUntilFinal({ refundNo: "R-WAITS-1" })) words.push(outcome.value.daxpayStatus);
    return words;
  };
`;

async function bundled(): Promise<string> {
  const entry = "virtual:page";
  const result = await build({
    configFile: false,
    logLevel: "error",
    plugins: [{
      name: "page",
      resolveId: (id) => id.endsWith(entry) ? entry : undefined,
      load: (id) => id === entry ? SCRIPT : undefined,
    }],
    build: { write: false, rollupOptions: { input: entry } },
  });
  const [{ output }] = [result].flat() as { output: { code: string }[] }[];
  return output[0].code;
}

async function serve(script: string) {
  const server = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(
      isScript ? script : '<!doctype html><title>Page</title><script type="module" src="/page.js"></script>',
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

describe.skipIf(!existsSync(CHROMIUM))(`a page in a real Chromium (needs ${CHROMIUM})`, () => {
  let browser: Browser;
  let script: string;

  beforeAll(async () => {
    script = await bundled();
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [
        "--no-sandbox",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
      ],
    });
  }, 120_000);
  afterAll(() => browser?.close());

  test("calls over Connect and gRPC-Web from an allowed origin, and gets nothing from another", async () => {
    const [friend, stranger] = [await serve(script), await serve(script)];
    const authority = await createAuthority();
    const tokensFile = path.join(authority.folder, "tokens");
    writeFileSync(tokensFile, `shop ${TOKEN}\n`);
    await using service = await startService({
      variables: { CORS_ORIGINS: friend.origin, AUTH_TOKENS_FILE: tokensFile },
      dependencies: acceleratedClock(200),
    });

    const page = await browser.newPage();
    await page.goto(friend.origin);
    await page.waitForFunction("window.watch");
    for (const protocol of ["connect", "grpc-web"]) {
      const args = JSON.stringify([service.http, protocol, TOKEN]);
      expect(await page.evaluate(`sync(...${args})`)).toBe("refund_success");
      service.sandbox.reset();
      expect(await page.evaluate(`watch(...${args})`)).toEqual(["refund_progress", "refund_success"]);
    }
    await expect(page.evaluate(`sync(${JSON.stringify(service.http)}, "connect", "wrong-wrong-wrong")`)).rejects
      .toThrow(/unauthenticated/);

    const asked = service.sandbox.requests.length;
    await page.goto(stranger.origin);
    await page.waitForFunction("window.watch");
    for (const protocol of ["connect", "grpc-web"]) {
      const args = JSON.stringify([service.http, protocol, TOKEN]);
      await expect(page.evaluate(`sync(...${args})`)).rejects.toThrow(/Failed to fetch/);
    }
    expect(service.sandbox.requests).toHaveLength(asked);
    await page.close();
    friend.close();
    stranger.close();
  }, 120_000);
});
