import { Code, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { type Clock, systemClock } from "../../src/refund/clock.ts";
import { PROTOCOLS, startService } from "../support/service.ts";

const TOKEN = "t0ken-of-the-billing-service";
const INTERVAL_MS = 15_000;

/** A clock whose checks of open streams run on demand. */
function createCheckClock() {
  const checks = new Set<() => void>();
  const after: Clock["after"] = (ms, work) => {
    if (ms !== INTERVAL_MS) return systemClock.after(ms, work);
    checks.add(work);
    return () => void checks.delete(work);
  };
  return {
    clock: { ...systemClock, after },
    pending: () => checks.size,
    check() {
      const due = [...checks];
      checks.clear();
      for (const work of due) work();
    },
  };
}

async function start() {
  const tokensFile = path.join(mkdtempSync(path.join(tmpdir(), "revocation-")), "tokens");
  writeFileSync(tokensFile, `billing ${TOKEN}\n`);
  const checks = createCheckClock();
  const service = await startService({
    variables: { AUTH_TOKENS_FILE: tokensFile },
    dependencies: { clock: checks.clock },
  });
  return Object.assign(service, { tokensFile, checks });
}

const headers = { authorization: `Bearer ${TOKEN}` };

describe.each(Object.entries(PROTOCOLS))("createRevocation() over %s", (_name, transport) => {
  test("checks nothing while no stream is open, and forgets a stream that has ended", async () => {
    await using service = await start();
    const client = createClient(RefundSyncService, transport(service));
    await client.syncRefund({ refundNo: "R-SUCCEEDS" }, { headers });
    expect(service.checks.pending()).toBe(0);
    expect(await Array.fromAsync(client.watchRefund({ refundNo: "R-SUCCEEDS" }, { headers }))).toHaveLength(1);
    expect(service.checks.pending()).toBe(1);
    service.checks.check();
    expect(service.checks.pending()).toBe(0);
  });
});

test("createRevocation() ends a batch whose token was removed", async () => {
  await using service = await start();
  service.sandbox.setFault("hang");
  const client = createClient(RefundSyncService, PROTOCOLS.gRPC(service));
  const results = Array.fromAsync(client.batchSyncRefunds({ requests: [{ refundNo: "LOAD-1" }] }, { headers }));
  const error = results.catch((error) => error);
  await expect.poll(service.checks.pending).toBe(1);
  writeFileSync(service.tokensFile, "shop another-token-0123456789\n");
  await expect.poll(async () => {
    service.checks.check();
    return await Promise.race([error, new Promise((resolve) => setTimeout(resolve, 50, "open"))]);
  }).toMatchObject({ code: Code.Unauthenticated });
});
