import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RELEASE_NAMES } from "../../src/sandbox/release.ts";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { RefundTrackingService, TrackingState } from "../../src/gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { postgresTest } from "../support/postgres-test.ts";
import { run, startProcess } from "../support/process.ts";
import { migrateDatabase, openDatabase } from "../support/tracking.ts";

const DEV = ["run", "-P=dev", "src/cli/dev.ts"];
const TOKEN = "t0ken-of-a-developer";

/** Tracks a refund, and returns what the service says of it. */
async function track({ http }: { readonly http: string }) {
  const client = createClient(RefundTrackingService, createConnectTransport({ baseUrl: http, httpVersion: "1.1" }));
  return (await client.trackRefund({ refundNo: "R-WAITS" })).trackedRefund;
}

describe("deno task dev", () => {
  test("reads the service's variables, except those of DaxPay", async () => {
    const tokensFile = path.join(mkdtempSync(path.join(tmpdir(), "dev-")), "tokens");
    writeFileSync(tokensFile, `me ${TOKEN}\n`);
    await using service = await startProcess({
      args: [...DEV, "--release", "2.0.7"],
      variables: { DAXPAY_URL: "http://127.0.0.1:1", DAXPAY_SIGN_SECRET: "another", AUTH_TOKENS_FILE: tokensFile },
    });
    const client = createClient(
      RefundSyncService,
      createConnectTransport({ baseUrl: service.http, httpVersion: "1.1" }),
    );
    await expect(client.syncRefund({ refundNo: "R-SUCCEEDS" })).rejects.toThrow("Missing credentials");
    const headers = { authorization: `Bearer ${TOKEN}` };
    expect(await client.syncRefund({ refundNo: "R-SUCCEEDS" }, { headers })).toMatchObject({ refund: { final: true } });
    expect(service.lines()[0]).toMatchObject({ properties: { release: "2.0.7" } });
  });

  let service: Awaited<ReturnType<typeof startProcess>>;
  beforeAll(async () => {
    service = await startProcess({ args: [...DEV, "--release", "3.0.0"], variables: {} });
  });
  afterAll(() => service[Symbol.asyncDispose]());

  test("tracks refunds in a database in memory, so that on 3.x no single replica is asked for", async () => {
    expect(await track(service)).toMatchObject({ trackingState: TrackingState.ACTIVE });
    const messages = service.lines().map(({ message }) => message).join("\n");
    expect(messages).toContain("Starting a database in memory");
    expect(messages).not.toContain("exactly one replica");
  });

  postgresTest("tracks refunds in the database of DATABASE_URL", async ({ databaseUrl }) => {
    await migrateDatabase(databaseUrl);
    await using service = await startProcess({
      args: DEV,
      variables: { DATABASE_URL: databaseUrl, STORE_JOURNAL_KEY: "0123456789abcdef0123456789abcdef" },
    });
    await track(service);
    await using database = openDatabase(databaseUrl);
    expect(await database.query("SELECT refund_no FROM refund")).toEqual([{ refund_no: "R-WAITS" }]);
    expect(service.lines().map(({ message }) => message).join("\n")).not.toContain("in memory");
  });

  test("allows pages of this machine, whatever their port, and no others", async () => {
    const statusFor = async (origin: string) => {
      const { status } = await fetch(`${service.http}/daxpay.refundsync.v1.RefundSyncService/SyncRefund`, {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "POST" },
      });
      return status;
    };
    for (
      const origin of ["http://localhost:5173", "http://127.0.0.1:3000", "http://[::1]:1", "https://app.localhost"]
    ) {
      expect([origin, await statusFor(origin)]).toEqual([origin, 204]);
    }
    for (
      const origin of ["https://evil.example", "http://localhost.evil.example:5173", "http://evillocalhost", "null"]
    ) {
      expect([origin, await statusFor(origin)]).toEqual([origin, 403]);
    }
  });

  test.each([
    [["--release", "1.0"], `--release: expected one of ${RELEASE_NAMES.join(", ")}, got "1.0"`],
    [["--latency", "soon"], '--latency: expected a whole number from 0 to 3600000, got "soon"'],
  ])("rejects %j and exits with 2", async (args, problem) => {
    expect(await run([...DEV, ...args], {})).toMatchObject({ code: 2, stderr: `${problem}\n` });
  });
});
