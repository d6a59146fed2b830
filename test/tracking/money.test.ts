import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RefundQuery } from "../../src/daxpay/request.ts";
import type { ChannelState } from "../../src/sandbox/channel.ts";
import type { ReleaseName } from "../../src/sandbox/release.ts";
import type { Worker } from "../../src/tracking/worker.ts";
import { createEmbedded, type Embedded, type EmbeddedService } from "../support/embedded.ts";
import { createMemoryQueue, type MemoryQueue } from "../support/memory-jobs.ts";
import { latencyMs, refund, REFUNDS, request, type Setup, setups, state } from "../support/money.ts";
import { type Replica, startReplica } from "../support/replica.ts";
import { type Away, openSharedDatabase, type SharedDatabase } from "../support/replica-database.ts";

/** Sequences of each release; more with MONEY_RUNS. */
const RUNS = Number(process.env.MONEY_RUNS ?? 10);

let database: SharedDatabase;
beforeAll(async () => {
  database = await openSharedDatabase();
}, 60_000);
afterAll(() => database[Symbol.asyncDispose]());

type Action =
  | { readonly kind: "sync"; readonly request: RefundQuery; readonly timeoutMs: number }
  | { readonly kind: "batch"; readonly requests: readonly RefundQuery[] }
  | { readonly kind: "watch"; readonly request: RefundQuery; readonly leaveMs: number }
  | { readonly kind: "track"; readonly refund: number }
  | { readonly kind: "notice"; readonly refund: number; readonly status: "SUCCEEDED" | "CLOSED" }
  | { readonly kind: "advance"; readonly ms: number }
  | { readonly kind: "channel"; readonly refund: number; readonly state: ChannelState; readonly latencyMs: number }
  | {
    readonly kind: "fault";
    readonly fault: "lost" | "unanswered" | "reset" | "hang";
    readonly endpoint: "sync" | "query";
  }
  /** Some turns of the event loop, so that what follows meets calls between two of their steps. */
  | { readonly kind: "turns"; readonly turns: number }
  | { readonly kind: "kill" }
  | { readonly kind: "pause"; readonly ms: number }
  | { readonly kind: "away"; readonly mode: Away; readonly ms: number }
  | { readonly kind: "awayOnce"; readonly mode: Away }
  | { readonly kind: "clock"; readonly ms: number };

const mode = fc.constantFrom<Away>("before", "after");
const advance: fc.Arbitrary<Action> = fc.record({
  kind: fc.constant("advance"),
  ms: fc.constantFrom(1, 260, 1_000, 9_000, 11_000, 14_000, 21_000, 31_000, 65_000),
});
const sync: fc.Arbitrary<Action> = fc.record({
  kind: fc.constant("sync"),
  request,
  timeoutMs: fc.constantFrom(2_000, 30_000, 120_000),
});
const turns: fc.Arbitrary<Action> = fc.record({ kind: fc.constant("turns"), turns: fc.integer({ min: 1, max: 40 }) });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 8, arbitrary: sync },
  { weight: 4, arbitrary: advance },
  { weight: 4, arbitrary: turns },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("batch"), requests: fc.array(request, { minLength: 1, maxLength: 4 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("watch"), request, leaveMs: fc.constantFrom(100, 20_000, 200_000) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("track"), refund }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("notice"),
      refund,
      status: fc.constantFrom("SUCCEEDED", "CLOSED"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("channel"), refund, state, latencyMs }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("fault"),
      fault: fc.constantFrom("lost", "unanswered", "reset", "hang"),
      endpoint: fc.constantFrom("sync", "query"),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: "kill" }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("pause"), ms: fc.constantFrom(5_500, 60_000, 70_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("away"), mode, ms: fc.constantFrom(3_000, 90_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("awayOnce"), mode }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("clock"), ms: fc.constantFrom(-900_000, 0, 900_000) }) },
);

/** A replica with the domain in front of it. */
interface Process {
  readonly replica: Replica;
  readonly service: EmbeddedService;
  worker: Worker | undefined;
}

/** What a run must not see. */
interface Observed {
  /** Syncs that DaxPay received while another one of the refund, or on beta4 of its payment order, was in progress. */
  overlaps: number;
  /** Syncs of refunds whose row said already that they are settled. */
  settledSyncs: number;
  errors: readonly Error[];
  /** Claims that outlasted everything that can keep a sync in doubt. */
  claims: number;
  unrecorded: number;
}

async function run(
  release: ReleaseName,
  embedded: Embedded,
  queue: MemoryQueue,
  setups: readonly Setup[],
  actions: readonly Action[],
  count: number,
): Promise<Observed> {
  const { daxpay } = embedded;
  setups.forEach((setup, index) => daxpay.addRefund({ refundNo: REFUNDS[index], orderNo: "P1", ...setup }));
  const errors: Error[] = [];
  const observed = { overlaps: 0, settledSyncs: 0 };
  const settled = new Set<unknown>();
  const controllers: AbortController[] = [];
  let notices = 0;

  async function fetch(request: Request): Promise<Response> {
    const { refundNo } = JSON.parse(await request.clone().text()) as { refundNo: unknown };
    if (request.url.includes("sync")) {
      const others = daxpay.requests.filter(({ endpoint, members, outcome }) =>
        endpoint === "sync" && outcome === undefined && (release === "3.0.0-beta4" || members?.refundNo === refundNo)
      );
      observed.overlaps += others.length;
      if (settled.has(refundNo)) observed.settledSyncs++;
    }
    return await daxpay.fetch(request);
  }

  async function start(): Promise<Process> {
    const replica = await startReplica({ database, queue, release, sweeps: true });
    const service = embedded.start({ shared: replica.shared, clock: replica.clock }, replica.withGate(fetch));
    return { replica, service, worker: undefined };
  }

  async function noteSettled(): Promise<void> {
    const rows = await database.database.query<{ refund_no: string }>("SELECT refund_no FROM refund WHERE settled", []);
    rows.forEach(({ refund_no }) => settled.add(refund_no));
  }

  function leaving(ms: number | undefined): AbortSignal {
    const controller = new AbortController();
    controllers.push(controller);
    if (ms !== undefined) setTimeout(() => controller.abort(new Error("left")), ms);
    return controller.signal;
  }

  const processes: Process[] = [];
  while (processes.length < count) processes.push(await start());
  for (const [turn, action] of actions.entries()) {
    const process = processes[turn % count];
    const { replica, service: { refunds } } = process;
    const { tracker, acceptNotice, account } = replica;
    switch (action.kind) {
      case "sync":
        refunds.sync(action.request, { signal: leaving(undefined), timeoutMs: action.timeoutMs }).catch(() => {});
        break;
      case "batch":
        Array.fromAsync(refunds.batch(action.requests, { signal: leaving(undefined), timeoutMs: 90_000 }))
          .catch(() => {});
        break;
      case "watch":
        Array.fromAsync(refunds.watch(action.request, leaving(action.leaveMs))).catch(() => {});
        break;
      case "track":
        process.worker ??= replica.startWorker(refunds);
        tracker.track([{
          account: "default",
          refund: { refundNo: REFUNDS[action.refund], bizRefundNo: "", clientIp: "", nonceStr: "" },
          labels: {},
          expireAfterMs: undefined,
        }], "test").catch(() => {});
        break;
      case "notice":
        acceptNotice(account, {
          refundNo: REFUNDS[action.refund],
          bizRefundNo: `B-${REFUNDS[action.refund]}`,
          status: action.status,
          id: String(notices++),
        }, true).catch(() => {});
        break;
      case "advance":
        await embedded.advance(action.ms);
        break;
      case "turns":
        for (let turn = 0; turn < action.turns; turn++) await new Promise((resolve) => setImmediate(resolve));
        break;
      case "channel":
        daxpay.setChannel(REFUNDS[action.refund], { state: action.state, latencyMs: action.latencyMs });
        break;
      case "fault":
        daxpay.setFault(action.fault, { endpoint: action.endpoint, times: 1 });
        break;
      case "kill":
        replica.kill();
        errors.push(...replica.errors);
        processes[turn % count] = await start();
        break;
      case "pause":
        replica.pause();
        setTimeout(() => replica.resume(), action.ms);
        break;
      case "away":
        replica.database.setAway(action.mode);
        setTimeout(() => replica.database.setAway(undefined), action.ms);
        break;
      case "awayOnce":
        replica.database.failNext(action.mode);
        break;
      case "clock":
        database.setClockOffset(action.ms);
    }
    if (action.kind !== "turns" && action.kind !== "kill") {
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    await noteSettled();
  }
  await embedded.advance(100_000);
  for (const controller of controllers) controller.abort(new Error("over"));
  daxpay.clearFaults();
  await embedded.advance(0);
  const claims = await openClaims();
  await embedded.advance(80_000);
  const left = await openClaims();
  for (const { replica } of processes) errors.push(...replica.errors);
  return {
    ...observed,
    errors,
    claims: left.filter((claim) => claims.includes(claim)).length,
    unrecorded: processes.reduce((sum, { replica }) => sum + replica.records.unrecorded(), 0),
  };
}

async function openClaims(): Promise<string[]> {
  const rows = await database.database.query<{ claim: string }>("SELECT claim FROM refund WHERE claim IS NOT NULL", []);
  return rows.map(({ claim }) => claim);
}

describe.each<ReleaseName>(["3.0.0", "3.0.0-beta4"])("DaxPay %s with books", (release) => {
  test.each([2, 3])(
    "%d replicas credit no refund twice, sync none that is settled, and leave nothing in doubt",
    { timeout: 600_000 },
    async (count) => {
      const actions = fc.array(action, { minLength: 4, maxLength: 25 });
      const property = fc.asyncProperty(setups, actions, async (setups, actions) => {
        await database.clear();
        using embedded = createEmbedded({ release, isBusy: database.isBusy });
        const queue = createMemoryQueue(database.now);
        const observed = await run(release, embedded, queue, setups, actions, count);
        expect(observed).toEqual({ overlaps: 0, settledSyncs: 0, errors: [], claims: 0, unrecorded: 0 });
        setups.forEach(({ status }, index) => {
          const books = embedded.daxpay.refund(REFUNDS[index]);
          expect(books?.credits).toBeLessThanOrEqual(1);
          if (status === "close" || status === "success") expect(books).toMatchObject({ syncs: 0, credits: 0 });
        });
      });
      await fc.assert(property, { numRuns: Math.ceil(RUNS / 2) });
    },
  );
});
