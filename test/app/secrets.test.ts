import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createClient } from "@connectrpc/connect";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import { afterEach, expect, test } from "vitest";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { REFUNDS } from "../../src/sandbox/refunds.ts";
import { acceleratedClock, PROTOCOLS, startService } from "../support/service.ts";

/** Long enough to occur nowhere else by chance. */
const SECRET = "s3cret-0f-the-merchant-7c1d";
const PREVIOUS = "f0rmer-secret-of-the-merchant-91ab";
const TOKEN = "t0ken-of-the-billing-service-55e0";
const WRONG_TOKEN = "wr0ng-token-of-a-stranger-02c4";

afterEach(() => reset());

/** Everything that a caller can see of a response or an error. */
function shown(result: unknown): string {
  return Deno.inspect(result, { depth: 20, strAbbreviateSize: Infinity, iterableLimit: Infinity, getters: true });
}

test.each(["2.0.8", "3.0.0"] as const)("No secret, signature or token is logged or returned on %s", async (release) => {
  const records: LogRecord[] = [];
  await configure({
    reset: true,
    sinks: { memory: (record) => records.push(record) },
    loggers: [{ category: [], lowestLevel: "trace", sinks: ["memory"] }],
  });
  const tokensFile = path.join(mkdtempSync(path.join(tmpdir(), "secrets-")), "tokens");
  writeFileSync(tokensFile, `billing ${TOKEN}\n`);
  await using service = await startService({
    sandbox: { release, secret: SECRET, previousSecret: PREVIOUS },
    variables: {
      DAXPAY_SIGN_SECRET: SECRET,
      DAXPAY_SIGN_SECRET_PREVIOUS: PREVIOUS,
      DAXPAY_TIMEOUT_MS: "200",
      AUTH_TOKENS_FILE: tokensFile,
    },
    dependencies: acceleratedClock(500),
  });
  const { sandbox } = service;
  const results: unknown[] = [];
  const signatures: string[] = [];
  const call = async (protocol: string, refundNo: string, token = TOKEN) => {
    const client = createClient(RefundSyncService, PROTOCOLS[protocol](service));
    const headers = { authorization: `Bearer ${token}` };
    results.push(await client.syncRefund({ refundNo }, { headers }).catch((error) => error));
  };
  // HTTP 429 holds up all other requests.
  const numbers = REFUNDS.map(({ refundNo }) => refundNo).filter((refundNo) => refundNo !== "FAULT-HTTP-429");
  for (const refundNo of [...numbers, "bad number"]) await call("gRPC", refundNo);
  for (const protocol of Object.keys(PROTOCOLS)) {
    await call(protocol, "FAULT-NOT-JSON");
    await call(protocol, "R-SUCCEEDS", WRONG_TOKEN);
  }
  results.push(
    await (await fetch(`${service.http}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } })).text(),
  );
  signatures.push(...sandbox.requests.map(({ members }) => String(members?.sign)));
  await sandbox.close();
  await call("gRPC", "LOAD-1");

  expect(records.length).toBeGreaterThan(numbers.length);
  expect(signatures.length).toBeGreaterThan(numbers.length);
  const everything = shown(records) + shown(results);
  for (const secret of [SECRET, PREVIOUS, TOKEN, WRONG_TOKEN, ...signatures]) {
    expect(everything.includes(secret), secret).toBe(false);
  }
  expect(everything).not.toMatch(/&key=/i);
});
