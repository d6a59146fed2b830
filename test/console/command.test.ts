import process from "node:process";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bufCurl, curl } from "../../src/console/command.ts";
import { type ServiceFixture, startService } from "./fixture.ts";

/** The output of a bash command. */
async function bash(command: string): Promise<string> {
  const env = { ...process.env, PATH: `node_modules/.bin:${process.env.PATH}`, TOKEN: "t0ken" };
  const { stdout } = await promisify(execFile)("bash", ["-c", command], { env });
  return stdout;
}

describe("command line", () => {
  let service: ServiceFixture;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service?.close());

  test("curl() makes a command that syncs a refund", async () => {
    const call = { method: "SyncRefund", request: { refundNo: "R-SUCCEEDS" } } as const;
    const { refund } = JSON.parse(await bash(curl(call, { baseUrl: service.app.addresses.http, token: false })));
    expect(refund.status).toBe("REFUND_STATUS_SUCCEEDED");
  });

  test.each(
    [
      { method: "SyncRefund", request: { bizRefundNo: "B-SUCCEEDS" } },
      { method: "WatchRefund", request: { refundNo: "R-SUCCEEDS" } },
      { method: "BatchSyncRefunds", request: { requests: [{ refundNo: "R-SUCCEEDS" }, { refundNo: "R-CLOSED" }] } },
    ] as const,
  )("bufCurl() makes a command that calls $method", async (call) => {
    const output = await bash(bufCurl(call, { baseUrl: service.app.addresses.grpc, token: true }));
    expect(output).toContain("REFUND_STATUS_SUCCEEDED");
  });

  test("curl() keeps a hostile number quoted and visible", async () => {
    const refundNo = "'; echo broken; '$(echo broken)`echo broken`\u202e\u200b\n\"\\";
    const command = curl({ method: "SyncRefund", request: { refundNo } }, { baseUrl: "http://x", token: true });
    expect(command).not.toMatch(/[\u202e\u200b]/);
    const printed = await bash(command.replace(/^curl/, "printf '%s\\n'"));
    const sent = printed.split("\n").find((part) => part.startsWith("{"));
    expect(JSON.parse(sent ?? "")).toEqual({ refundNo });
    expect(printed).toContain("Authorization: Bearer t0ken");
  });
});
