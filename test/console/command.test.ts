import process from "node:process";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bufCurl, curl } from "../../src/console/command.ts";
import { openStage, type Stage } from "./fixture.ts";

/** What bash prints for the line. */
async function bash(line: string): Promise<string> {
  const env = { ...process.env, PATH: `node_modules/.bin:${process.env.PATH}`, TOKEN: "t0ken" };
  const { stdout } = await promisify(execFile)("bash", ["-c", line], { env });
  return stdout;
}

describe("commands to copy", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(() => stage?.close());

  test("curl syncs a refund", async () => {
    const call = { method: "SyncRefund", request: { refundNo: "R-SUCCEEDS" } } as const;
    const { refund } = JSON.parse(await bash(curl(call, { base: stage.app.addresses.http, token: false })));
    expect(refund.status).toBe("REFUND_STATUS_SUCCEEDED");
  });

  test.each(
    [
      { method: "SyncRefund", request: { bizRefundNo: "B-SUCCEEDS" } },
      { method: "WatchRefund", request: { refundNo: "R-SUCCEEDS" } },
      { method: "BatchSyncRefunds", request: { refunds: [{ refundNo: "R-SUCCEEDS" }, { refundNo: "R-CLOSED" }] } },
    ] as const,
  )("buf curl makes the call $method", async (call) => {
    const answer = await bash(bufCurl(call, { base: stage.app.addresses.grpc, token: true }));
    expect(answer).toContain("REFUND_STATUS_SUCCEEDED");
  });

  test("a number can neither leave its quotes nor hide", async () => {
    const refundNo = "'; echo broken; '$(echo broken)`echo broken`\u202e\u200b\n\"\\";
    const line = curl({ method: "SyncRefund", request: { refundNo } }, { base: "http://x", token: true });
    expect(line).not.toMatch(/[\u202e\u200b]/);
    const printed = await bash(line.replace(/^curl/, "printf '%s\\n'"));
    const sent = printed.split("\n").find((part) => part.startsWith("{"));
    expect(JSON.parse(sent ?? "")).toEqual({ refundNo });
    expect(printed).toContain("Authorization: Bearer t0ken");
  });
});
