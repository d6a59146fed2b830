import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { REASONS } from "../../src/daxpay/failure.ts";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { type Exposition, scrape } from "../support/prometheus.ts";
import { acceleratedClock, PROTOCOLS, startService } from "../support/service.ts";

describe("GET /metrics after some calls", () => {
  const open = new AsyncDisposableStack();
  let metrics: Exposition;
  let requests: number;

  beforeAll(async () => {
    const service = open.use(await startService({ dependencies: acceleratedClock(20) }));
    const client = createClient(RefundSyncService, PROTOCOLS.gRPC(service));
    const web = createClient(RefundSyncService, PROTOCOLS["Connect on HTTP/1.1"](service));
    for (let call = 0; call < 7; call++) await client.syncRefund({ refundNo: `LOAD-${call}` });
    for (let call = 0; call < 3; call++) await web.syncRefund({ refundNo: "R-UNKNOWN" }).catch(() => {});
    await client.syncRefund({ refundNo: "R-LOCKED-1" });
    await Array.fromAsync(client.batchSyncRefunds({ requests: [{ refundNo: "LOAD-1" }, { refundNo: "LOAD-2" }] }));
    const watch = client.watchRefund({ refundNo: "R-WAITS" })[Symbol.asyncIterator]();
    open.defer(async () => void await watch.return?.());
    await watch.next();
    metrics = await scrape(service.http);
    requests = service.sandbox.requests.length;
  });
  afterAll(() => open.disposeAsync());

  test.each([
    ["SyncRefund", "OK", 8],
    ["SyncRefund", "not_found", 3],
    ["BatchSyncRefunds", "OK", 1],
  ])("counts calls of %s that ended as %s", (method, code, count) => {
    const labels = {
      rpc_method: `daxpay.refundsync.v1.RefundSyncService/${method}`,
      rpc_response_status_code: code,
    };
    expect(metrics.value("rpc_server_call_duration_count", labels)).toBe(count);
  });

  test("labels failed calls with the failure's reason", () => {
    expect(metrics.value("rpc_server_call_duration_count", { error_type: "REFUND_NOT_FOUND" })).toBe(3);
  });

  test("counts DaxPay requests by error type", () => {
    const count = (labels = {}) => metrics.value("daxpay_client_request_duration_count", labels);
    expect({
      all: count(),
      unknown: count({ error_type: "REFUND_NOT_FOUND" }),
      locked: count({ error_type: "SYNC_IN_PROGRESS" }),
    }).toEqual({ all: requests, unknown: 3, locked: 1 });
  });

  test("counts a retry under its reason, and every queued request", () => {
    expect(metrics.value("refundsync_retries_total", { error_type: "SYNC_IN_PROGRESS" })).toBe(1);
    expect(metrics.value("refundsync_queue_wait_time_count")).toBe(requests);
  });

  test.each([
    ["refundsync_watches", 1],
    ["refundsync_circuit_breaker_state", 0],
    ["refundsync_queue_size", 0],
    ["refundsync_upstream_in_flight", 0],
  ])("reports %s", (name, value) => {
    expect(metrics.value(name)).toBe(value);
  });

  test("reports the state of process, sockets and clocks", () => {
    expect(metrics.value("http_server_open_connections")).toBeGreaterThan(0);
    expect(metrics.value("process_memory_usage")).toBeGreaterThan(1e6);
    expect(Math.abs(metrics.value("daxpay_clock_skew") ?? NaN)).toBeLessThan(5);
    expect(metrics.value("refundsync_oldest_watch_age")).toBeGreaterThanOrEqual(0);
  });
});

describe("GET /metrics of a service that was just started", () => {
  test("contains every counter with the value 0, by every reason", async () => {
    await using service = await startService();
    const { samples } = await scrape(service.http);
    const counters = samples.filter(({ name }) => name.endsWith("_total"));
    expect(new Set(counters.map(({ value }) => value))).toEqual(new Set([0]));
    expect([...new Set(counters.map(({ name }) => name))].sort()).toEqual([
      "refundsync_closed_by_sync_total",
      "refundsync_coalesced_total",
      "refundsync_doubts_total",
      "refundsync_log_dropped_total",
      "refundsync_retries_total",
      "refundsync_state_conflicts_total",
      "refundsync_store_away_total",
      "refundsync_throttled_total",
    ]);
    const reasons = counters.filter(({ name }) => name === "refundsync_retries_total").map(({ labels }) => labels);
    expect(reasons).toEqual(Object.keys(REASONS).map((reason) => ({ account: "default", error_type: reason })));
  });

  test("names what runs", async () => {
    await using service = await startService({ sandbox: { release: "2.0.8" } });
    const { samples } = await scrape(service.http);
    expect(samples.filter(({ name }) => name === "refundsync_build_info")).toEqual([{
      name: "refundsync_build_info",
      labels: { version: manifest.version, deno: Deno.version.deno, release: "2.0.8" },
      value: 1,
    }]);
  });
});
