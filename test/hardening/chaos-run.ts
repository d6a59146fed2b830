import { fileURLToPath } from "node:url";
import type { FaultName } from "../../src/sandbox/fault.ts";
import type { RefundView } from "../../src/sandbox/rows.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import type { CallersOptions, FinalState, Received } from "./chaos-callers.ts";
import { createProxy } from "./chaos-proxy.ts";
import { createRandom, type Random } from "./chaos-random.ts";
import { ENDED, LONGEST_CHANNEL_MS, planRefunds } from "./chaos-refunds.ts";
import { type ChaosRelease, startKillable } from "./chaos-service.ts";

export interface ChaosOptions {
  readonly release: ChaosRelease;
  readonly seconds: number;
  readonly seed: number;
  readonly print: (line: string) => void;
}

export interface ChaosReport {
  readonly refunds: readonly RefundView[];
  /** Counts of outcomes by RPC, or "result" within streams. */
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly kills: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  /** How often the process of the callers died; not the service's doing. */
  readonly callerCrashes: number;
  readonly violations: readonly string[];
}

const CALLERS = fileURLToPath(new URL("chaos-callers.ts", import.meta.url));
/** Milliseconds until the callers' process runs; when less is left, no other one is started. */
const CALLERS_START_MS = 2_000;
/** Milliseconds that DaxPay needs after the channel's answer. */
const COMMIT_MS = 500;
const VARIABLES = {
  DAXPAY_QUERY: "auto",
  DAXPAY_TIMEOUT_MS: "3000",
  DAXPAY_SETTLE_TIMEOUT: `${LONGEST_CHANNEL_MS + 4_000}ms`,
  WATCH_SCHEDULE: "1s,2s,4s",
};
const SIGNALS: readonly [Deno.Signal, ...Deno.Signal[]] = ["SIGKILL", "SIGTERM"];
/** Milliseconds: with the shorter one, SIGTERM ends the process while a sync is in progress. */
const STOP_TIMEOUTS_MS: readonly [number, ...number[]] = [200, 4_000];
const FAULT_NAMES: readonly [FaultName, ...FaultName[]] = ["lost", "unanswered", "hang", "reset"];
/** Milliseconds between a start and the next kill, between faults, and between looks at the books. */
const KILL_MS = [20_000, 30_000] as const;
const FAULT_MS = [1_000, 4_000] as const;
const LOOK_MS = 50;
/** Milliseconds that a kill waits for a sync in progress, without which it tests little. */
const MAX_KILL_DELAY_MS = 5_000;

/** Kills and restarts the service while callers sync refunds, then compares DaxPay's books with the rules. */
export async function runChaos({ release, seconds, seed, print }: ChaosOptions): Promise<ChaosReport> {
  const seeds = createRandom(seed);
  // One for each activity, so that their timing does not change what the others draw.
  const [planning, network, killing, breaking] = Array.from(
    { length: 4 },
    () => createRandom(seeds.between(0, 2 ** 31)),
  );
  const sandbox = await createSandbox({ release, commitMs: COMMIT_MS });
  for (const refund of planRefunds(seconds, planning)) sandbox.addRefund(refund);
  await using proxy = await createProxy({ target: sandbox.url, beforeReply: () => lateReply(network) });

  const violations: string[] = [];
  const outcomes: Record<string, Record<string, number>> = {};
  const kills: Record<string, number> = {};
  const faults: Record<string, number> = {};
  /** Final states that callers received. */
  const finals = new Map<string, FinalState>();
  /** Syncs of each refund when it was first seen to have ended. */
  const syncsAtEnd = new Map<string, number>();
  /** Refunds, on beta4 payment orders, whose syncs overlapped. */
  const overlapping = new Set<string>();
  let callerCrashes = 0;

  let addresses: Record<string, string> = {};
  const syncsInProgress = () => sandbox.requests.filter(({ endpoint, outcome }) => endpoint === "sync" && !outcome);
  const start = () =>
    startKillable(release, proxy.url, {
      ...VARIABLES,
      STOP_TIMEOUT_MS: String(killing.pick(STOP_TIMEOUTS_MS)),
      ...addresses,
    });
  let service = await start();
  addresses = { PORT: new URL(service.http).port, GRPC_PORT: new URL(service.grpc).port };
  const startedAt = Date.now();
  const end = startedAt + seconds * 1000;
  const over = AbortSignal.timeout(seconds * 1000);

  /** beta4 writes the balance of a payment order without a version check, so that the order's refunds must take turns. */
  function subjectOf(refundNo: string): string {
    return (release === "3.0.0-beta4" && sandbox.refund(refundNo)?.orderNo) || refundNo;
  }

  /** Notes refunds that have ended, and syncs that overlap: where they do, only luck avoids a second credit. */
  function look(): void {
    for (const { refundNo, status, syncs } of sandbox.refunds()) {
      const ended = status === "close" || status === "success";
      if (ended && !syncsAtEnd.has(refundNo)) syncsAtEnd.set(refundNo, syncs);
    }
    const synced = syncsInProgress().map(({ members }) => subjectOf(String(members?.refundNo)));
    for (const subject of synced.filter((subject, index) => synced.indexOf(subject) < index)) overlapping.add(subject);
  }

  async function stop(signal: Deno.Signal): Promise<void> {
    service.kill(signal);
    const { code } = await service.ended;
    if (signal === "SIGTERM" && code !== 0) violations.push(`the service exited with ${code} after SIGTERM`);
    for (const line of service.errors()) violations.push(`the service wrote to standard error: ${line}`);
  }

  async function untilKill(): Promise<undefined> {
    await pause(killing.between(...KILL_MS), over);
    const latest = performance.now() + MAX_KILL_DELAY_MS;
    while (syncsInProgress().length === 0 && performance.now() < latest && !over.aborted) await pause(LOOK_MS, over);
  }

  async function killAndRestart(): Promise<void> {
    for (;;) {
      const exited = await Promise.race([service.ended, untilKill()]);
      if (exited) {
        violations.push(`the service exited by itself with ${exited.code}: ${service.errors().join("\n")}`);
      } else if (over.aborted) {
        return;
      } else {
        const signal = killing.pick(SIGNALS);
        kills[signal] = (kills[signal] ?? 0) + 1;
        print(`${elapsed()} s: ${signal}, ${syncsInProgress().length} syncs in progress in DaxPay`);
        await stop(signal);
      }
      service = await start();
    }
  }

  async function setFaults(): Promise<void> {
    while (!over.aborted) {
      await pause(breaking.between(...FAULT_MS), over);
      const name = breaking.pick(FAULT_NAMES);
      faults[name] = (faults[name] ?? 0) + 1;
      sandbox.setFault(name, { endpoint: breaking.pick(["sync", "query"]), times: 1 });
    }
  }

  async function keepCallers(): Promise<void> {
    for (let run = 0; Date.now() < end - CALLERS_START_MS; run++) {
      const options: CallersOptions = {
        http: service.http,
        grpc: service.grpc,
        seed: seed + run,
        start: startedAt,
        end,
      };
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", CALLERS, JSON.stringify(options)],
        env: { NO_COLOR: "1" },
        stdin: "null",
        stdout: "piped",
        stderr: "inherit",
      }).spawn();
      for await (const line of linesOf(child.stdout)) receive(JSON.parse(line));
      if (!(await child.status).success) callerCrashes++;
    }
  }

  function receive({ kind, outcome, final, untyped }: Received): void {
    const ofKind = outcomes[kind] ??= {};
    ofKind[outcome] = (ofKind[outcome] ?? 0) + 1;
    if (final) finals.set(`${final.refundNo} ${final.status}`, final);
    if (untyped) violations.push(`a caller received an untyped error: ${untyped}`);
  }

  const elapsed = () => Math.round((Date.now() - startedAt) / 1000);

  async function untilDaxPayIsIdle(): Promise<void> {
    while (sandbox.requests.some(({ outcome }) => !outcome)) await pause(LOOK_MS);
  }

  look();
  const looks = setInterval(look, LOOK_MS);
  await Promise.all([killAndRestart(), setFaults(), keepCallers()]);
  sandbox.clearFaults();
  await stop("SIGTERM");
  await untilDaxPayIsIdle();
  clearInterval(looks);
  look();
  const refunds = sandbox.refunds();
  await sandbox.close();
  for (const subject of overlapping) violations.push(`syncs of ${subject} overlapped in DaxPay`);
  violations.push(...violationsOf(refunds, syncsAtEnd, finals.values()));
  return { refunds, outcomes, kills, faults, callerCrashes, violations };
}

/** The rules that the books must keep. */
function violationsOf(
  refunds: readonly RefundView[],
  syncsAtEnd: ReadonlyMap<string, number>,
  finals: Iterable<FinalState>,
): string[] {
  const violations: string[] = [];
  if (refunds.every(({ syncs }) => syncs === 0)) violations.push("no refund was synced, so that nothing was tested");
  for (const { refundNo, status, credits, syncs } of refunds) {
    const endedBefore = (ENDED as readonly string[]).includes(refundNo);
    const allowed = status === "close" && !endedBefore ? 1 : 0;
    if (credits !== allowed) {
      violations.push(`${refundNo}, ${status}, was credited ${credits} times instead of ${allowed}`);
    }
    const syncsBefore = syncsAtEnd.get(refundNo) ?? syncs;
    if (syncs > syncsBefore) violations.push(`${refundNo} was synced ${syncs - syncsBefore} times after it had ended`);
  }
  const statuses = new Map(refunds.map(({ refundNo, status }) => [refundNo, status]));
  for (const { refundNo, status } of finals) {
    const booked = statuses.get(refundNo);
    if (!booked || STATUSES[booked] !== status) {
      violations.push(`${refundNo}, ${booked}, was returned to a caller as finally ${status}`);
    }
  }
  return violations;
}

/** The contract's names of DaxPay's final states. */
const STATUSES: Readonly<Partial<Record<RefundView["status"], string>>> = { close: "CLOSED", success: "SUCCEEDED" };

/** Delays half of the replies. */
async function lateReply(network: Random): Promise<void> {
  if (network.chance(0.5)) await pause(network.between(50, 2_500));
}

/** Ends at once when the signal aborts. */
function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
    if (signal?.aborted) done();
  });
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
