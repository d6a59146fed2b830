/**
 * Two replicas at DAXPAY_RATE=50 while tracked refunds ask for many times that rate: prints the most requests that DaxPay got
 * in any second, and how long callers waited.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { RefundTrackingService } from "../../src/gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import { startKillable } from "../hardening/chaos-service.ts";
import { startPostgres } from "../support/postgres.ts";
import { migrateDatabase } from "../support/tracking.ts";
import { quantile } from "./stat.ts";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "30" } } });
const RATE = 50;
const TRACKED = 2_000;
/** Milliseconds between two calls of callers. */
const CALL_MS = 250;
/** Milliseconds of the payment channel in every sync. */
const LATENCY_MS = 20;

await using postgres = await startPostgres({ fsync: true });
const url = await postgres.createDatabase();
await migrateDatabase(url);
const sandbox = await createSandbox({ release: "3.0.0" });
const variables = {
  DATABASE_URL: url,
  STORE_JOURNAL_KEY: "0123456789abcdef0123456789abcdef0123456789abcdef",
  LOG_FORMAT: "json",
  DAXPAY_RATE: String(RATE),
  DAXPAY_SETTLE_ON_START: "off",
};
const replicas = [
  await startKillable("3.0.0", sandbox.url, variables),
  await startKillable("3.0.0", sandbox.url, variables),
];
const transports = replicas.map(({ grpc }) => createGrpcTransport({ baseUrl: grpc }));
const numbers = Array.from({ length: TRACKED }, (_, index) => `B${index}`);
const calls = Math.ceil(Number(values.seconds) * 1000 / CALL_MS);
for (const refundNo of [...numbers, ...Array.from({ length: calls }, (_, index) => `C${index}`)]) {
  sandbox.addRefund({
    refundNo,
    orderNo: `P-${refundNo}`,
    status: "progress",
    state: "PROCESSING",
    latencyMs: LATENCY_MS,
  });
}
const tracking = createClient(RefundTrackingService, transports[0]);
for (let first = 0; first < TRACKED; first += 1_000) {
  await tracking.batchTrackRefunds({ requests: numbers.slice(first, first + 1_000).map((refundNo) => ({ refundNo })) });
}
await new Promise((resolve) => setTimeout(resolve, 3_000));

const times: number[] = [];
const startedAt = Date.now();
for (let call = 0; call < calls; call++) {
  const client = createClient(RefundSyncService, transports[call % transports.length]);
  const calledAt = performance.now();
  await client.syncRefund({ refundNo: `C${call}` });
  times.push(performance.now() - calledAt);
  await new Promise((resolve) => setTimeout(resolve, CALL_MS));
}
const sent = sandbox.requests.map(({ time }) => time).filter((time) => time >= startedAt).sort((a, b) => a - b);
const most = Math.max(...sent.map((time, index) => {
  const end = sent.findIndex((later) => later >= time + 1000);
  return (end === -1 ? sent.length : end) - index;
}));
const seconds = (Date.now() - startedAt) / 1000;
print("most requests in any second", `${most} at DAXPAY_RATE=${RATE}`);
print("requests in all", `${(sent.length / seconds).toFixed(1)}/s`);
print("a caller's SyncRefund", `p50 ${ms(0.5)}, p99 ${ms(0.99)}, with ${LATENCY_MS} ms of the channel`);
for (const replica of replicas) await replica.kill("SIGKILL");
await sandbox.close();

function ms(fraction: number): string {
  return `${Math.round(quantile(times, fraction))} ms`;
}

function print(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(30)}${value}\n`);
}
