import process from "node:process";
import { oneOf, readArgumentsOrExit, wholeNumber } from "../../src/cli/arguments.ts";
import { type ChaosReport, runChaos } from "./chaos-run.ts";
import { CHAOS_RELEASES } from "./chaos-service.ts";

const HELP = `Kills the service at random while callers sync refunds, and checks DaxPay's books

  --seconds   duration for each release (150)
  --seed      repeats the refunds, faults and kills of a run (random)
  --release   ${CHAOS_RELEASES.join(" or ")} (both, one after the other)
  --help      this page`;

/** Exit codes: 0 no violation, 1 a violation, 2 invalid arguments. */
async function main(): Promise<number> {
  const { seconds, seed, releases } = readOptions();
  let violations = 0;
  for (const release of releases) {
    console.log(`DaxPay ${release}, ${seconds} s, --seed ${seed}`);
    const report = await runChaos({ release, seconds, seed, print: (line) => console.log(`  ${line}`) });
    printReport(report);
    violations += report.violations.length;
  }
  if (violations > 0) console.log(`${violations} violations, repeat with --seed ${seed}`);
  return violations > 0 ? 1 : 0;
}

function readOptions() {
  return readArgumentsOrExit({
    options: {
      seconds: { type: "string", default: "150" },
      seed: { type: "string", default: String(1 + Math.floor(Math.random() * 1_000_000)) },
      release: { type: "string" },
    },
    help: () => HELP,
    read: ({ seconds, seed, release }) => ({
      releases: release === undefined ? CHAOS_RELEASES : [oneOf(CHAOS_RELEASES, "--release", release)],
      seconds: wholeNumber("--seconds", seconds, { min: 1, max: 86_400 }),
      seed: wholeNumber("--seed", seed, { min: 1, max: 999_999_999 }),
    }),
  });
}

function printReport({ refunds, outcomes, kills, faults, callerCrashes, violations }: ChaosReport): void {
  const total = (value: (refund: typeof refunds[number]) => number) =>
    refunds.reduce((sum, refund) => sum + value(refund), 0);
  const { result = {}, ...calls } = outcomes;
  const count = Object.values(calls).flatMap((byOutcome) => Object.values(byOutcome)).reduce((sum, n) => sum + n, 0);
  const rows: Readonly<Record<string, string>> = {
    calls: String(count),
    syncs: String(total(({ syncs }) => syncs)),
    queries: String(total(({ queries }) => queries)),
    kills: counts(kills),
    faults: counts(faults),
    "caller crashes": String(callerCrashes),
    credits: refunds.filter(({ credits }) => credits > 0).map(({ refundNo, credits }) => `${refundNo} ${credits}`)
      .join(", "),
    ...Object.fromEntries(Object.entries(calls).map(([kind, byOutcome]) => [kind, counts(byOutcome)])),
    "results in streams": counts(result),
  };
  for (const [name, value] of Object.entries(rows)) console.log(`  ${name.padEnd(20)}${value}`);
  for (const violation of violations) console.log(`  VIOLATION: ${violation}`);
}

function counts(byName: Readonly<Record<string, number>>): string {
  return Object.entries(byName).sort(([, a], [, b]) => b - a).map(([name, n]) => `${name} ${n}`).join(", ");
}

process.exit(await main());
