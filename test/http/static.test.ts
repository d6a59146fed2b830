import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { buffer, text } from "node:stream/consumers";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createStatic } from "../../src/http/static.ts";

const SCRIPT = `console.log("${"x".repeat(5000)}");\n`;

describe("static", () => {
  let folder: string;
  let server: Server;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "static-"));
    mkdirSync(join(folder, "assets"));
    writeFileSync(join(folder, "index.html"), "<!doctype html><title>退款</title>");
    writeFileSync(join(folder, "assets", "index-abc.js"), SCRIPT);
    writeFileSync(join(folder, "secret.txt"), "nothing for the web");
    const handler = createStatic({
      directory: pathToFileURL(`${folder}/`),
      settings: () => ({ grpcPort: 9090 }),
      fallback: (_request, response) => {
        response.statusCode = 404;
        response.end("fallback");
      },
    });
    server = createServer(handler);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  function ask(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<IncomingMessage> {
    const { port } = server.address() as AddressInfo;
    return new Promise((resolve, reject) => {
      request({ host: "127.0.0.1", port, path, headers, method }, resolve).on("error", reject).end();
    });
  }

  test("the page is asked for each time, under a strict policy", async () => {
    const answer = await ask("/?from=mail");
    expect(await text(answer)).toContain("退款");
    expect(answer.headers).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-cache",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    });
    const policy = String(answer.headers["content-security-policy"]);
    for (const rule of ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]) {
      expect(policy).toContain(rule);
    }
    expect(policy).not.toMatch(/unsafe|http|\*/);
  });

  test("a file whose name holds its hash is kept for a year", async () => {
    const answer = await ask("/assets/index-abc.js");
    expect(answer.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
    expect(answer.headers["content-type"]).toBe("text/javascript; charset=utf-8");
    expect(await text(answer)).toBe(SCRIPT);
  });

  test.each([
    ["gzip, deflate, br", "br"],
    ["br;q=0, gzip;q=0.5", "gzip"],
    ["gzip", "gzip"],
    ["identity", undefined],
    ["br;q=0", undefined],
  ])("Accept-Encoding %j is answered in %s", async (accepted, encoding) => {
    const answer = await ask("/assets/index-abc.js", { "accept-encoding": accepted });
    expect(answer.headers["content-encoding"]).toBe(encoding);
    expect(answer.headers.vary).toBe("Accept-Encoding");
    const body = await buffer(answer);
    expect(Number(answer.headers["content-length"])).toBe(body.length);
    const plain = encoding === "br" ? brotliDecompressSync(body) : encoding === "gzip" ? gunzipSync(body) : body;
    expect(plain.toString()).toBe(SCRIPT);
  });

  test("what has not changed is not sent again", async () => {
    const { etag = "" } = (await ask("/")).headers;
    const answer = await ask("/", { "if-none-match": `W/"other", ${etag}` });
    expect(answer.statusCode).toBe(304);
    expect(await text(answer)).toBe("");
    expect((await ask("/", { "if-none-match": '"other"' })).statusCode).toBe(200);
  });

  test("HEAD has the headers and no body", async () => {
    const answer = await ask("/", {}, "HEAD");
    expect(answer.statusCode).toBe(200);
    expect(await text(answer)).toBe("");
    expect(Number(answer.headers["content-length"])).toBeGreaterThan(0);
  });

  test("serves the settings as /console.json", async () => {
    expect(JSON.parse(await text(await ask("/console.json")))).toEqual({ grpcPort: 9090 });
  });

  test.each([
    ["GET", "/secret.txt"],
    ["GET", "/assets/../index.html"],
    ["GET", "/assets/%2e%2e/index.html"],
    ["GET", "/assets/missing.js"],
    ["GET", "/__proto__"],
    ["POST", "/"],
  ])("%s %s is passed to the fallback", async (method, path) => {
    expect(await text(await ask(path, {}, method))).toBe("fallback");
  });

  test("createStatic() throws without a build", () => {
    const empty = mkdtempSync(join(tmpdir(), "static-"));
    const directory = pathToFileURL(`${empty}/`);
    const options = { directory, settings: () => ({}), fallback: () => {} };
    expect(() => createStatic(options)).toThrow("has no index.html");
    rmSync(empty, { recursive: true });
  });
});
