import { createGrpcTransport } from "@connectrpc/connect-node";
import { Code, ConnectError } from "@connectrpc/connect";
import { durationMs, timestampDate } from "@bufbuild/protobuf/wkt";
import { createApp } from "../app/app.ts";
import { createRefundClient, failureOf, type RefundClient } from "../client.ts";
import { type Refund, RefundStatus } from "../gen/daxpay/refundsync/v1/refund_pb.ts";
import { type RefundEvent, RefundEventKind, TrackingState } from "../gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { Delivery, FailureReason } from "../gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import type { Config } from "../config/read.ts";
import { sandboxConfig } from "../config/sandbox.ts";
import { systemClock } from "../refund/clock.ts";
import { createSandbox, type Sandbox } from "../sandbox/sandbox.ts";
import { type Database, lend } from "../store/database.ts";
import { openEmbeddedStore } from "../store/embedded.ts";
import { expectNoArguments } from "./arguments.ts";

const HELP =
  `Calls the service over every protocol and tracks a refund across a restart, with an embedded DaxPay, and exits

  --help  this page`;

/** The release whose syncs can book money, so that the demo shows how that is prevented. */
const RELEASE = "3.0.0";
/** An hour ago DaxPay closed this refund of 10 yuan, and gave them back to its payment order. */
const CLOSED_REFUND = "DEMO-CLOSED";
/** This one stays in progress until the demo ends it. */
const TRACKED_REFUND = "DEMO-TRACKED";
/** Delays are this many times shorter than on a real clock. */
const ACCELERATION = 20;

async function demo(): Promise<void> {
  const sandbox = await createSandbox({ release: RELEASE });
  try {
    await showCalls(sandbox);
    console.log(`\nTrackRefund ${TRACKED_REFUND}, in a PostgreSQL in memory that takes a few seconds to start:`);
    await using database = await openEmbeddedStore();
    await showTracking(sandbox, database);
  } finally {
    await sandbox.close();
  }
}

/** Calls the service over every protocol. It has no database. */
async function showCalls(sandbox: Sandbox): Promise<void> {
  sandbox.addRefund({ refundNo: CLOSED_REFUND, status: "close", state: "CLOSED", refundableBalance: 5_000 });
  const app = await createApp(configOf(sandbox, {}), {
    clock: { ...systemClock, after: (ms, work) => systemClock.after(ms / ACCELERATION, work) },
  });
  try {
    const { http, grpc } = app.addresses;
    console.log(`Embedded DaxPay ${RELEASE} at ${sandbox.url}, service at ${http} and ${grpc}\n`);
    const clients = {
      "Connect": createRefundClient({ baseUrl: http }),
      "gRPC-Web": createRefundClient({ baseUrl: http, protocol: "grpc-web" }),
      "gRPC": createRefundClient({ transport: createGrpcTransport({ baseUrl: grpc }) }),
    };
    console.log("SyncRefund R-SUCCEEDS over each protocol:");
    for (const [protocol, client] of Object.entries(clients)) await showSync(protocol, client);
    await showGuard(clients.gRPC, sandbox);
    await showFailure(clients.gRPC);
    await showWatch(clients.gRPC);
    await showBatch(clients.Connect);
  } finally {
    await app.close();
  }
}

function configOf({ url }: Sandbox, variables: Readonly<Record<string, string>>): Config {
  return sandboxConfig({ DAXPAY_URL: url, DAXPAY_RELEASE: RELEASE, WATCH_JITTER: "0", ...variables });
}

async function showSync(protocol: string, client: RefundClient): Promise<void> {
  const start = performance.now();
  const refund = await client.syncRefund({ refundNo: "R-SUCCEEDS" });
  const ms = (performance.now() - start).toFixed(1);
  console.log(`  ${protocol.padEnd(8)}  ${described(refund)}, final: ${refund.final}, ${ms} ms`);
}

async function showGuard(client: RefundClient, sandbox: Sandbox): Promise<void> {
  console.log(`\nSyncRefund ${CLOSED_REFUND}, whose amount DaxPay would book again with every sync:`);
  for (let call = 1; call <= 3; call++) {
    const refund = await client.syncRefund({ refundNo: CLOSED_REFUND });
    const books = sandbox.refund(CLOSED_REFUND);
    console.log(
      `  call ${call}: ${described(refund)}; requests so far: ${books?.queries} queries, ${books?.syncs} syncs; ` +
        `refundable balance ${((books?.refundableBalance ?? 0) / 100).toFixed(2)}`,
    );
  }
}

async function showFailure(client: RefundClient): Promise<void> {
  console.log("\nErrors are typed, here for a refund that DaxPay does not know:");
  try {
    await client.syncRefund({ refundNo: "R-UNKNOWN" });
  } catch (error) {
    const failure = failureOf(error);
    if (!failure) throw error;
    console.log(`  ${Code[ConnectError.from(error).code]}: FAILURE_REASON_${FailureReason[failure.reason]}`);
    console.log(`  DaxPay's code ${failure.daxpayCode}, message "${failure.daxpayMessage}"`);
    console.log(`  DELIVERY_${Delivery[failure.delivery]}, ${failure.retryDelay ? "retry later" : "do not retry"}`);
  }
}

async function showWatch(client: RefundClient): Promise<void> {
  console.log(`\nWatchRefund R-WAITS-1 until its state is final (delays are ${ACCELERATION} times shorter here):`);
  for await (const { attempt, observeTime, outcome } of client.watchUntilFinal({ refundNo: "R-WAITS-1" })) {
    const time = observeTime ? timestampDate(observeTime).toISOString().slice(11, 23) : "";
    const what = outcome.case === "refund" ? described(outcome.value) : `failed (${outcome.case})`;
    const next = outcome.case === "refund" && !outcome.value.final && outcome.value.nextSyncDelay;
    console.log(
      `  ${time}  attempt ${attempt}: ${what}${next ? `, next in ${durationMs(next) / 1000} s` : ", final"}`,
    );
  }
}

async function showBatch(client: RefundClient): Promise<void> {
  const refunds = Array.from({ length: 40 }, (_, index) => ({ refundNo: `LOAD-${index}` }));
  const queries = [...refunds, { refundNo: "R-CLOSED" }, { refundNo: "R-UNKNOWN" }, { refundNo: "" }];
  console.log(`\nBatchSyncRefunds with ${queries.length} refunds:`);
  const counts = new Map<string, number>();
  let done = 0;
  for await (const { outcome } of client.batchSyncRefunds(queries)) {
    const name = outcome.case === "refund"
      ? `REFUND_STATUS_${RefundStatus[outcome.value.status]}`
      : `FAILURE_REASON_${FailureReason[outcome.value?.reason ?? 0]}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    done++;
    if (done % 20 === 0) console.log(`  ${done} of ${queries.length} done`);
  }
  for (const [name, count] of counts) console.log(`  ${String(count).padStart(3)}  ${name}`);
}

/** Tracks a refund, restarts the service, and lets the refund end. */
async function showTracking(sandbox: Sandbox, database: Database): Promise<void> {
  const start = (variables: Readonly<Record<string, string>>) =>
    createApp(configOf(sandbox, variables), { openDatabase: () => Promise.resolve(lend(database)) });
  let app = await start({});
  try {
    const { http, grpc } = app.addresses;
    const noticeUrl = `${http}/notices/daxpay/default`;
    sandbox.addRefund({ refundNo: TRACKED_REFUND, status: "progress", state: "PROCESSING", noticeUrl });
    const client = createRefundClient({ baseUrl: http });
    const refund = { refundNo: TRACKED_REFUND, labels: { shop: "7" } };
    await client.trackRefund(refund);
    // It reconnects by itself, and continues behind the last event.
    const events = client.refundEvents("")[Symbol.asyncIterator]();
    await showEvents(events, RefundEventKind.CHANGED);
    console.log("The service stops, and starts again with the same database:");
    await app.close();
    app = await start({ PORT: new URL(http).port, GRPC_PORT: new URL(grpc).port });
    await showTracked(client);
    console.log("The channel returns the money, and DaxPay sends a notice:");
    sandbox.callback(TRACKED_REFUND, "success");
    await showEvents(events, RefundEventKind.FINAL);
    await showTracked(client);
    await events.return?.();
  } finally {
    await app.close();
  }
}

/** Prints events up to the first of this kind. */
async function showEvents(events: AsyncIterator<RefundEvent>, last: RefundEventKind): Promise<void> {
  for (;;) {
    const { value, done } = await events.next();
    if (done) throw new Error("The stream of events ended");
    const { cursor, kind, refund } = value;
    const state = refund?.status ? `: ${described(refund)}` : "";
    console.log(`  event ${cursor.split("-").at(-1)}: REFUND_EVENT_KIND_${RefundEventKind[kind]}${state}`);
    if (kind === last) return;
  }
}

async function showTracked(client: RefundClient): Promise<void> {
  const { trackedRefund } = await client.rawTracking.getTrackedRefund({ refundNo: TRACKED_REFUND });
  if (!trackedRefund) throw new Error("The response has no refund");
  const { trackingState, attempts, nextAttemptTime } = trackedRefund;
  const next = nextAttemptTime
    ? `next in ${((timestampDate(nextAttemptTime).getTime() - Date.now()) / 1_000).toFixed(1)} s`
    : "none is due";
  console.log(`  GetTrackedRefund: TRACKING_STATE_${TrackingState[trackingState]}, attempts: ${attempts}, ${next}`);
}

function described(refund: Refund): string {
  return `REFUND_STATUS_${RefundStatus[refund.status]}, daxpay_status "${refund.daxpayStatus}"`;
}

if (import.meta.main) {
  expectNoArguments(HELP);
  await demo();
}
