import process from "node:process";
import { oneOf, readArgumentsOrExit, wholeNumber } from "../../src/cli/arguments.ts";
import type { OutcomeCounts } from "./chaos-outcome.ts";
import { type ChaosReport, runChaos } from "./chaos-run.ts";
import { CHAOS_RELEASES, type ChaosRelease } from "./chaos-service.ts";
import { type ReplicasOptions, type ReplicasReport, runReplicas } from "./replicas/run.ts";

const HELP = `Kills the service at random while callers sync refunds, and checks DaxPay's books

  --seconds      duration for each release (150)
  --seed         repeats the refunds, faults and kills of a run (random)
  --release      ${CHAOS_RELEASES.join(" or ")} (both, one after the other; with --replicas 3.0.0)
  --replicas     number of replicas that track refunds in a PostgreSQL of their own (none: one without a database)
  --help         this page

With --replicas:

  --refunds      number of refunds (2000)
  --kills        number of replicas that are killed (20)
  --clock-steps  steps the database's clock by 15 minutes to either side
  --pause        stops a replica for 60 s between a claim and its sync`;

interface Command {
  readonly seconds: number;
  readonly seed: number;
  readonly run: (seconds: number, seed: number) => Promise<readonly string[]>;
}

/** Exit codes: 0 no violation, 1 a violation, 2 invalid arguments. */
async function main(): Promise<number> {
  const { seconds, seed, run } = readCommand();
  const violations = await run(seconds, seed);
  if (violations.length > 0) console.log(`${violations.length} violations, repeat with --seed ${seed}`);
  return violations.length > 0 ? 1 : 0;
}

function readCommand(): Command {
  return readArgumentsOrExit({
    options: {
      seconds: { type: "string", default: "150" },
      seed: { type: "string", default: String(1 + Math.floor(Math.random() * 1_000_000)) },
      release: { type: "string" },
      replicas: { type: "string" },
      refunds: { type: "string", default: "2000" },
      kills: { type: "string", default: "20" },
      "clock-steps": { type: "boolean" },
      pause: { type: "boolean" },
    },
    help: () => HELP,
    read: ({ seconds, seed, release, replicas, refunds, kills, "clock-steps": clockSteps, pause }) => {
      const common = {
        seconds: wholeNumber("--seconds", seconds, { min: 1, max: 86_400 }),
        seed: wholeNumber("--seed", seed, { min: 1, max: 999_999_999 }),
      };
      if (replicas === undefined) {
        const releases = release === undefined ? CHAOS_RELEASES : [oneOf(CHAOS_RELEASES, "--release", release)];
        return { ...common, run: (seconds, seed) => runReleases(releases, seconds, seed) };
      }
      if (release !== undefined) oneOf(["3.0.0"], "--release", release);
      const options = {
        replicas: wholeNumber("--replicas", replicas, { min: 2, max: 9 }),
        refunds: wholeNumber("--refunds", refunds, { min: 1, max: 1_000_000 }),
        kills: wholeNumber("--kills", kills, { max: 10_000 }),
        clockSteps,
        pause,
      };
      return { ...common, run: (seconds, seed) => runTracked({ ...options, seconds, seed }) };
    },
  });
}

const printIndented = (line: string) => console.log(`  ${line}`);

/** Runs one after the other, and returns the violations of all. */
async function runReleases(
  releases: readonly ChaosRelease[],
  seconds: number,
  seed: number,
): Promise<readonly string[]> {
  const violations: string[] = [];
  for (const release of releases) {
    console.log(`DaxPay ${release}, ${seconds} s, --seed ${seed}`);
    const report = await runChaos({ release, seconds, seed, print: printIndented });
    printReport(report);
    violations.push(...report.violations);
  }
  return violations;
}

async function runTracked(options: Omit<ReplicasOptions, "settle" | "print">): Promise<readonly string[]> {
  const { replicas, refunds, kills, seconds, seed } = options;
  console.log(`${replicas} replicas, ${refunds} refunds, ${kills} kills, ${seconds} s, --seed ${seed}`);
  const report = await runReplicas({ ...options, settle: true, print: printIndented });
  printReplicas(report);
  return report.violations;
}

function printReport({ refunds, outcomes, kills, faults, callerCrashes, violations }: ChaosReport): void {
  printRows({
    ...callRows(outcomes),
    syncs: String(sum(refunds, ({ syncs }) => syncs)),
    queries: String(sum(refunds, ({ queries }) => queries)),
    kills: counts(kills),
    faults: counts(faults),
    "caller crashes": String(callerCrashes),
    credits: refunds.filter(({ credits }) => credits > 0).map(({ refundNo, credits }) => `${refundNo} ${credits}`)
      .join(", "),
  }, violations);
}

function printReplicas(report: ReplicasReport): void {
  const { refunds, outcomes, faults, clockSteps, paused, doubts, events, reconnects, states, errors } = report;
  printRows({
    ...callRows(outcomes),
    syncs: String(sum(refunds, ({ syncs }) => syncs)),
    queries: String(sum(refunds, ({ queries }) => queries)),
    credits: String(sum(refunds, ({ credits }) => credits)),
    faults: counts(faults),
    "clock steps": String(clockSteps),
    "stopped replica": paused ? `its call ended with ${paused.outcome}; ${paused.syncs} sync` : "none",
    doubts: String(doubts),
    tracked: counts(states),
    events: `${events}, readers resumed ${reconnects} times`,
    "settled after": `${report.settleSeconds.toFixed(1)} s`,
    "logged errors": counts(errors),
  }, report.violations);
}

function printRows(rows: Readonly<Record<string, string>>, violations: readonly string[]): void {
  for (const [name, value] of Object.entries(rows)) console.log(`  ${name.padEnd(20)}${value}`);
  for (const violation of violations) console.log(`  VIOLATION: ${violation}`);
}

function callRows({ result = {}, ...calls }: OutcomeCounts): Record<string, string> {
  return {
    calls: String(sum(Object.values(calls).flatMap((byOutcome) => Object.values(byOutcome)), (n) => n)),
    ...Object.fromEntries(Object.entries(calls).map(([kind, byOutcome]) => [kind, counts(byOutcome)])),
    ...(Object.keys(result).length > 0 ? { "results in streams": counts(result) } : {}),
  };
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0);
}

function counts(byName: Readonly<Record<string, number>>): string {
  return Object.entries(byName).sort(([, a], [, b]) => b - a).map(([name, n]) => `${name} ${n}`).join(", ");
}

process.exit(await main());
