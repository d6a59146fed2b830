import process from "node:process";
import { parseArgs } from "node:util";
import { type ChaosReport, runChaos } from "./chaos-run.ts";
import { CHAOS_RELEASES } from "./chaos-service.ts";

const USAGE = `Kills the service at random while callers sync refunds, and checks DaxPay's books

  --seconds   duration for each release (150)
  --seed      repeats the refunds, faults and kills of a run (random)
  --release   ${CHAOS_RELEASES.join(" or ")} (both, one after the other)
  --help      this page`;

/** Exit codes: 0 no violation, 1 a violation, 2 invalid arguments. */
async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === "string") {
    console.error(options);
    return 2;
  }
  const { seconds, seed, releases } = options;
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
  try {
    const { values } = parseArgs({
      options: {
        seconds: { type: "string", default: "150" },
        seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
        release: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) return USAGE;
    const releases = CHAOS_RELEASES.filter((release) => release === (values.release ?? release));
    if (releases.length === 0) {
      throw new RangeError(`--release: expected one of ${CHAOS_RELEASES.join(", ")}, got "${values.release}"`);
    }
    return {
      releases,
      seconds: positive("--seconds", values.seconds),
      seed: positive("--seed", values.seed),
    };
  } catch (error) {
    return `${(error as Error).message}\n\n${USAGE}`;
  }
}

function positive(name: string, value: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value)) throw new RangeError(`${name}: expected a whole number above 0, got "${value}"`);
  return Number(value);
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
