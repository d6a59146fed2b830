import { createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../../src/gen/grpc/health/v1/health_pb.ts";
import { scrape } from "../support/prometheus.ts";
import { PROTOCOLS, startService } from "../support/service.ts";

test("a DaxPay that fails is reported as the health of `daxpay` and as a metric, and leaves the service ready", async () => {
  await using service = await startService();
  const health = createClient(Health, PROTOCOLS.gRPC(service));
  const watch = health.watch({ service: "daxpay" })[Symbol.asyncIterator]();
  expect((await watch.next()).value).toMatchObject({ status: ServingStatus.SERVING });

  const client = createClient(RefundSyncService, PROTOCOLS.gRPC(service));
  service.sandbox.setFault("http-500");
  for (let call = 0; call < 5; call++) await client.syncRefund({ refundNo: `LOAD-${call}` }).catch(() => {});
  expect((await watch.next()).value).toMatchObject({ status: ServingStatus.NOT_SERVING });
  expect((await scrape(service.http)).value("refundsync_circuit_breaker_state")).toBe(2);
  for (const name of ["", RefundSyncService.typeName]) {
    expect(await health.check({ service: name })).toMatchObject({ status: ServingStatus.SERVING });
  }
  for (const path of ["/readyz", "/healthz"]) expect(await fetch(service.http + path)).toMatchObject({ status: 200 });
  await watch.return?.();
});

test("a service that stops is not ready, and says so to those who watch its health", async () => {
  const service = await startService();
  const watch = createClient(Health, PROTOCOLS.gRPC(service)).watch({})[Symbol.asyncIterator]();
  expect((await watch.next()).value).toMatchObject({ status: ServingStatus.SERVING });
  const closed = service[Symbol.asyncDispose]();
  expect((await watch.next()).value).toMatchObject({ status: ServingStatus.NOT_SERVING });
  await closed;
});
