import { describe, expect, test } from "vitest";
import type { SandboxOptions } from "../../src/sandbox/options.ts";
import { envOf, type Findings, run, withSandbox } from "./run.ts";

type Release = NonNullable<SandboxOptions["release"]>;

const QUERIED: readonly Release[] = ["2.0.7", "2.0.8", "3.0.0-beta4", "3.0.0"];
const QUERY_PATH = "/unipay/query/refundOrder";

describe("doctor's query check", () => {
  test.each(QUERIED)("passes when the query of %s verifies", async (release) => {
    await withSandbox({ release }, async (url, sandbox) => {
      const { steps } = await run(envOf(url, release));
      expect(steps[4]).toMatchObject({
        id: "query",
        status: "passed",
        found: expect.stringContaining("退款订单不存在"),
      });
      expect(steps[4].found).toContain("DAXPAY_QUERY=auto sends it before each sync");
      expect(sandbox.requests.filter(({ path }) => path === QUERY_PATH)).toHaveLength(2);
    });
  });

  test.each(["documented", "2.0.6"] as const)("sends nothing when %s has no query", async (release) => {
    await withSandbox({ release }, async (url, sandbox) => {
      const { steps } = await run(envOf(url, release));
      expect(steps[4]).toMatchObject({ id: "query", status: "passed" });
      expect(steps[4].found).toContain(`${release} has no refund query that works`);
      expect(sandbox.requests.filter(({ path }) => path.includes("query"))).toEqual([]);
    });
  });

  test("sends nothing with DAXPAY_QUERY=off", async () => {
    await withSandbox({ release: "2.0.8" }, async (url, sandbox) => {
      const { steps } = await run(envOf(url, "2.0.8", { DAXPAY_QUERY: "off" }));
      expect(steps[4]).toMatchObject({
        id: "query",
        status: "passed",
        found: "not checked: DAXPAY_QUERY=off never sends it",
      });
      expect(sandbox.requests.filter(({ path }) => path === QUERY_PATH)).toEqual([]);
    });
  });

  test("warns when DAXPAY_QUERY=only has no effect", async () => {
    await withSandbox({ release: "2.0.6" }, async (url) => {
      const { steps, ok } = await run(envOf(url, "2.0.6", { DAXPAY_QUERY: "only" }));
      expect(steps[4]).toMatchObject({ id: "query", status: "warning", causes: ["NO_QUERY"] });
      expect(ok).toBe(true);
    });
  });

  test.each<[Release, "off" | "missing"]>([["2.0.7", "off"], ["2.0.7", "missing"], ["2.0.8", "off"], [
    "2.0.8",
    "missing",
  ]])("fails when the interface of %s is %s", async (release, state) => {
    await withSandbox({ release, interfaces: { query: state } }, async (url) => {
      const { findings, text } = await run(envOf(url, release));
      expect(findings).toEqual({ failed: { query: ["NOT_ENABLED"] }, warnings: {}, skipped: [] });
      expect(text).toContain("Switch the interface queryRefundOrder");
    });
  });

  test.each<[Release, "html-200" | "redirect", Findings]>([
    ["2.0.8", "html-200", { failed: { query: ["PATH_NOT_SERVED"] }, warnings: {}, skipped: [] }],
    ["2.0.8", "redirect", { failed: { query: ["PATH_NOT_SERVED"] }, warnings: {}, skipped: [] }],
  ])("fails when a proxy in front of %s answers with %s", async (release, fault, findings) => {
    await withSandbox({ release }, async (url, sandbox) => {
      sandbox.setFault(fault, { endpoint: "query" });
      expect(await run(envOf(url, release))).toMatchObject({ findings, exitCode: 1 });
    });
  });

  test.each<[Release, "wrong-sign" | "no-sign"]>([
    ["2.0.8", "wrong-sign"],
    ["2.0.8", "no-sign"],
    ["3.0.0", "wrong-sign"],
    ["3.0.0", "no-sign"],
  ])("fails when the reply of %s has the fault %s", async (release, fault) => {
    await withSandbox({ release }, async (url, sandbox) => {
      sandbox.setFault(fault, { endpoint: "query" });
      const { findings } = await run(envOf(url, release));
      expect(findings.failed).toEqual({ query: ["REPLY_UNREADABLE"] });
    });
  });

  test("warns when the request fails", async () => {
    await withSandbox({ release: "2.0.8" }, async (url, sandbox) => {
      sandbox.setFault("reset", { endpoint: "query" });
      const { findings } = await run(envOf(url, "2.0.8"));
      expect(findings).toEqual({ failed: {}, warnings: { query: ["INCONCLUSIVE"] }, skipped: [] });
    });
  });
});
