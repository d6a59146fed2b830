/**
 * Tracks many refunds on PostgreSQL and prints what that costs: the time of BatchTrackRefunds, the space on disk of each
 * refund, the processor time while they wait, and the time after kill -9 until attempts are made again.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { RefundTrackingService } from "../../src/gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { migrate } from "../../src/store/migrate.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import { startKillable } from "../hardening/chaos-service.ts";
import { startPostgres } from "../support/postgres.ts";

const { values } = parseArgs({ options: { refunds: { type: "string", default: "100000" } } });
const count = Number(values.refunds);
const BATCH = 1_000;
/** Batches in flight, as several callers would have. */
const CALLERS = 4;
const WAIT_MS = 10_000;

await using postgres = await startPostgres({ fsync: true });
const url = await postgres.createDatabase();
await using database = openPostgres({
  url,
  maxConnections: 4,
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 600_000,
});
await migrate(database);
const sandbox = await createSandbox({ release: "3.0.0" });
const variables = {
  DATABASE_URL: url,
  STORE_JOURNAL_KEY: "0123456789abcdef0123456789abcdef0123456789abcdef",
  LOG_FORMAT: "json",
  // One attempt a second: what is measured is waiting.
  DAXPAY_RATE: "1",
  DAXPAY_SETTLE_ON_START: "off",
};
const service = await startKillable("3.0.0", sandbox.url, variables);
const client = createClient(RefundTrackingService, createGrpcTransport({ baseUrl: service.grpc }));

const empty = await sizeOf();
const startedAt = performance.now();
let next = 0;
await Promise.all(Array.from({ length: CALLERS }, async () => {
  while (next < count) {
    const first = next;
    next += BATCH;
    const requests = Array.from({ length: Math.min(BATCH, count - first) }, (_, index) => ({
      refundNo: `DEVR${String(first + index).padStart(20, "0")}`,
      labels: { shop: String(index % 10) },
    }));
    await client.batchTrackRefunds({ requests });
  }
}));
const seconds = (performance.now() - startedAt) / 1000;
print("BatchTrackRefunds", `${seconds.toFixed(1)} s for ${count} refunds, ${Math.round(count / seconds)}/s`);
await database.query("CHECKPOINT").catch(() => []);
print("space on disk", `${Math.round((await sizeOf() - empty) / count)} bytes a refund`);

const before = cpuSeconds(service.pid);
await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
const used = (cpuSeconds(service.pid) - before) / (WAIT_MS / 1000);
print("processor while waiting", `${(100 * used).toFixed(1)} % of one core, one attempt a second included`);

await service.kill("SIGKILL");
const calls = sandbox.requests.length;
const restartedAt = performance.now();
const again = await startKillable("3.0.0", sandbox.url, variables);
print("restart until it listens", `${Math.round(performance.now() - restartedAt)} ms`);
while (sandbox.requests.length === calls) await new Promise((resolve) => setTimeout(resolve, 5));
print("restart until the first attempt", `${Math.round(performance.now() - restartedAt)} ms`);
await again.kill("SIGKILL");
await sandbox.close();

/** Bytes of all tables and indexes. */
async function sizeOf(): Promise<number> {
  const [row] = await database.query<{ bytes: number }>(
    `SELECT sum(pg_total_relation_size(oid)) AS bytes FROM pg_class
     WHERE relkind IN ('r', 'm') AND relnamespace::regnamespace::text IN ('refundsync', 'pgboss')`,
  );
  return Number(row.bytes);
}

function cpuSeconds(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function print(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(36)}${value}\n`);
}
