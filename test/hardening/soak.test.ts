import { expect, test } from "vitest";
import { run } from "../support/process.ts";

// In a process of its own: Deno 2.9's HTTP/2 client can crash its process on GOAWAY (denoland/deno#36788), which is the
// callers' trouble here and not the service's.
test(
  "The service answers every call with a state or a typed error while DaxPay fails, the clock is set and no log is read",
  async () => {
    const { code, stdout, stderr } = await run(["run", "-A", "test/hardening/soak.ts", "--seconds", "12"], {});
    const report = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
    expect(report, stderr).toMatchObject({
      unexpected: [],
      unanswered: 0,
      creditedTwice: [],
      complaints: [],
      exitCode: 0,
      clockSteps: report.skipped.length > 0 ? [] : [
        { aheadSeconds: 900, outcome: "REPLY_MISMATCHED", outcomeAfter: "SUCCEEDED" },
        { aheadSeconds: -900, outcome: "REPLY_MISMATCHED", outcomeAfter: "SUCCEEDED" },
        { aheadSeconds: -60, outcome: "SUCCEEDED", outcomeAfter: "SUCCEEDED" },
      ],
      connectionErrors: 0,
      lastMessage: "Stopped",
      // How many depends on the machine: behind HTTP 429 or an open circuit callers wait for seconds.
      outcomes: { SUCCEEDED: expect.toSatisfy((count: number) => count > 0) },
    });
    expect(code).toBe(0);
  },
  120_000,
);
