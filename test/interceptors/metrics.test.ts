import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { Health } from "../../src/gen/grpc/health/v1/health_pb.ts";
import { acceleratedClock, PROTOCOLS, startService } from "../support/service.ts";

/** Prometheus' own parser, from Debian's python3-prometheus-client. */
const PYTHON = "/usr/bin/python3";
const PARSE = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families
families = text_string_to_metric_families(sys.stdin.read())
print(json.dumps([[s.name, s.labels, s.value] for f in families for s in f.samples if s.value == s.value]))
`;
const hasParser = existsSync(PYTHON) && spawnSync(PYTHON, ["-c", "import prometheus_client"]).status === 0;

type Sample = readonly [name: string, labels: Readonly<Record<string, string>>, value: number];

async function scraped(http: string) {
  const response = await fetch(`${http}/metrics`);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const { status, stdout, stderr } = spawnSync(PYTHON, ["-c", PARSE], {
    input: await response.text(),
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([0, ""]);
  const samples: Sample[] = JSON.parse(stdout);
  return (name: string, labels: Readonly<Record<string, string>> = {}) =>
    samples.filter(([found, own]) =>
      found === name && Object.entries(labels).every(([label, value]) => own[label] === value)
    ).reduce<number | undefined>((sum, [, , value]) => (sum ?? 0) + value, undefined);
}

test.skipIf(!hasParser)("the numbers parse and match what was done (needs python3-prometheus-client)", async () => {
  await using service = await startService({ dependencies: acceleratedClock(20) });
  const client = createClient(RefundSyncService, PROTOCOLS.gRPC(service));
  const web = createClient(RefundSyncService, PROTOCOLS["Connect on HTTP/1.1"](service));
  for (let call = 0; call < 7; call++) await client.syncRefund({ refundNo: `LOAD-${call}` });
  for (let call = 0; call < 3; call++) await web.syncRefund({ refundNo: "R-UNKNOWN" }).catch(() => {});
  await client.syncRefund({ refundNo: "R-LOCKED-1" });
  await Array.fromAsync(client.batchSyncRefunds({ requests: [{ refundNo: "LOAD-1" }, { refundNo: "LOAD-2" }] }));
  const watch = client.watchRefund({ refundNo: "R-WAITS" })[Symbol.asyncIterator]();
  await watch.next();

  const value = await scraped(service.http);
  const count = (method: string, code: string) =>
    value("rpc_server_call_duration_count", {
      rpc_method: `daxpay.refundsync.v1.RefundSyncService/${method}`,
      rpc_response_status_code: code,
    });
  expect(count("SyncRefund", "OK")).toBe(8);
  expect(count("SyncRefund", "not_found")).toBe(3);
  expect(count("BatchSyncRefunds", "OK")).toBe(1);
  const asked = (reason: string) => value("daxpay_client_request_duration_count", { reason });
  expect([asked("REFUND_NOT_FOUND"), asked("SYNC_IN_PROGRESS")]).toEqual([3, 1]);
  expect(value("daxpay_client_request_duration_count")).toBe(service.sandbox.requests.length);
  expect(value("refundsync_watches")).toBe(1);
  expect(value("refundsync_breaker")).toBe(0);
  expect(value("refundsync_queue_length")).toBe(0);
  expect(value("refundsync_repeats_total")).toBe(1);
  expect(value("refundsync_connections")).toBeGreaterThan(0);
  expect(value("process_memory_usage")).toBeGreaterThan(1e6);
  expect(Math.abs(value("daxpay_clock_skew") ?? NaN)).toBeLessThan(5);
  expect(value("refundsync_watches_oldest")).toBeGreaterThanOrEqual(0);
  expect(value("refundsync_queue_wait_count")).toBe(service.sandbox.requests.length);
  await watch.return?.();
});

test("readiness follows the circuit to DaxPay, in /readyz and for those who watch grpc.health.v1", async () => {
  await using service = await startService();
  const watch = createClient(Health, PROTOCOLS.gRPC(service)).watch({})[Symbol.asyncIterator]();
  expect((await watch.next()).value.status).toBe(1);
  const client = createClient(RefundSyncService, PROTOCOLS.gRPC(service));
  service.sandbox.setFault("http-500");
  for (let call = 0; call < 5; call++) await client.syncRefund({ refundNo: `LOAD-${call}` }).catch(() => {});
  expect((await watch.next()).value.status).toBe(2);
  const told = await fetch(`${service.http}/readyz`);
  expect([told.status, await told.text()]).toEqual([503, "DaxPay cannot be reached\n"]);
  expect((await fetch(`${service.http}/healthz`)).status).toBe(200);
  expect(await (await fetch(`${service.http}/metrics`)).text()).toContain("\nrefundsync_breaker 2\n");

  // Without calls the circuit cannot close, so that after a while one has to be let through again.
  expect((await watch.next()).value.status).toBe(1);
  service.sandbox.clearFaults();
  await client.syncRefund({ refundNo: "LOAD-9" });
  expect((await fetch(`${service.http}/readyz`)).status).toBe(200);
}, 60_000);
