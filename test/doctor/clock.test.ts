import { describe, expect, test } from "vitest";
import { envOf, NOW, run, withSandbox } from "./run.ts";

describe("doctor's clock check", () => {
  test("reads the Date header of a server that is not DaxPay", async () => {
    await withSandbox({ release: "2.0.8" }, async (url) => {
      const { steps } = await run(envOf(url, "2.0.8", { DAXPAY_URL: `${url}/server` }));
      expect(steps[5]).toMatchObject({
        id: "clock",
        status: "passed",
        found: expect.stringContaining("HTTP Date header"),
      });
    });
  });

  test("is inconclusive without a Date header and a time in the reply", async () => {
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
      // Deno adds a Date header unless there is one.
      return new Response('{"code":30000,"msg":""}', { headers: { date: "none" } });
    });
    try {
      const { findings } = await run(envOf(`http://127.0.0.1:${server.addr.port}`, "2.0.8"), { now: NOW });
      expect(findings.warnings).toEqual({ clock: ["INCONCLUSIVE"] });
    } finally {
      await server.shutdown();
    }
  });
});
