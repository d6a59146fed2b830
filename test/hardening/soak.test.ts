import { expect, test } from "vitest";
import { run } from "../support/process.ts";

// In a process of its own: Deno 2.9's HTTP/2 client can take its process down when a server goes away, which is
// the callers' trouble here and not the service's.
test("under mixed load with DaxPay failing in every way, every call is answered and typed", async () => {
  const { code, stdout, stderr } = await run(["run", "-A", "test/hardening/soak.ts", "12"], {});
  const report = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  expect(report, stderr).toMatchObject({ untyped: [], unanswered: 0, complaints: [], exitCode: 0 });
  // How many depends on the machine: behind a 429 or an open circuit callers wait for seconds.
  expect(report.outcomes.ok).toBeGreaterThan(0);
  expect(report.memory.at(-1)).toBeLessThan(600);
  expect(code).toBe(0);
}, 120_000);
