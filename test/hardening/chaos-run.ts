import { fileURLToPath } from "node:url";
import type { FaultName } from "../../src/sandbox/fault.ts";
import type { RefundView } from "../../src/sandbox/rows.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import { createBooks } from "./chaos-books.ts";
import type { CallersOptions, Received } from "./chaos-callers.ts";
import { countOutcome, type FinalState, type OutcomeCounts } from "./chaos-outcome.ts";
import { pause } from "./chaos-pause.ts";
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
  readonly outcomes: OutcomeCounts;
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
/** Milliseconds between a start and the next kill, between faults, and between looks for a sync in progress. */
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
  const outcomes: OutcomeCounts = {};
  const kills: Record<string, number> = {};
  const faults: Record<string, number> = {};
  /** Final states that callers received. */
  const finals = new Map<string, FinalState>();
  let callerCrashes = 0;

  let addresses: Record<string, string> = {};
  using books = createBooks({ sandbox, subjectOf, ended: ENDED });
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

  async function stop(signal: Deno.Signal): Promise<void> {
    service.kill(signal);
    const { code } = await service.ended;
    if (signal === "SIGTERM" && code !== 0) violations.push(`the service exited with ${code} after SIGTERM`);
    for (const line of service.errors()) violations.push(`the service wrote to standard error: ${line}`);
  }

  async function untilKill(): Promise<undefined> {
    await pause(killing.between(...KILL_MS), over);
    const latest = performance.now() + MAX_KILL_DELAY_MS;
    while (books.syncsInProgress().length === 0 && performance.now() < latest && !over.aborted) {
      await pause(LOOK_MS, over);
    }
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
        print(`${elapsed()} s: ${signal}, ${books.syncsInProgress().length} syncs in progress in DaxPay`);
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
    countOutcome(outcomes, kind, outcome);
    if (final) finals.set(`${final.refundNo} ${final.status}`, final);
    if (untyped) violations.push(`a caller received an untyped error: ${untyped}`);
  }

  const elapsed = () => Math.round((Date.now() - startedAt) / 1000);

  await Promise.all([killAndRestart(), setFaults(), keepCallers()]);
  sandbox.clearFaults();
  await stop("SIGTERM");
  await books.close();
  const refunds = sandbox.refunds();
  violations.push(...books.violations(), ...books.contradictions(finals.values()));
  await sandbox.close();
  return { refunds, outcomes, kills, faults, callerCrashes, violations };
}

/** Delays half of the replies. */
async function lateReply(network: Random): Promise<void> {
  if (network.chance(0.5)) await pause(network.between(50, 2_500));
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
