import type { FaultName } from "../../../src/sandbox/fault.ts";
import type { Sandbox } from "../../../src/sandbox/sandbox.ts";
import type { Postgres } from "../../support/postgres.ts";
import { pause } from "../chaos-pause.ts";
import type { Random } from "../chaos-random.ts";
import type { Replica } from "./replica.ts";

/** What the disturbances of a run have in common. */
export interface DisturbOptions {
  readonly random: Random;
  readonly over: AbortSignal;
  readonly print: (line: string) => void;
}

const FAULT_MS = [500, 2_000] as const;
const FAULT_NAMES: readonly [FaultName, ...FaultName[]] = ["lost", "unanswered", "hang", "reset"];
const CLOCK_STEP_MS = [4_000, 12_000] as const;
const MAX_CLOCK_STEP_MS = 15 * 60_000;
const CLOCK_STEPS_MS: readonly [number, ...number[]] = [-MAX_CLOCK_STEP_MS, 0, MAX_CLOCK_STEP_MS];
/** How often all replicas are killed at once, and how often one is started again at once rather than after a while. */
const ALL = 0.2;
const AT_ONCE = 0.5;
const RESTART_MS = [500, 4_000] as const;
const LOOK_MS = 100;

/** Sends SIGKILL so many times, evenly over the given time on average. Resolves when all replicas run again. */
export async function killAtRandom(
  replicas: readonly Replica[],
  kills: number,
  ms: number,
  { random, over, print }: DisturbOptions,
): Promise<void> {
  const restarts: Promise<void>[] = [];

  async function killAndRestart(replica: Replica): Promise<void> {
    print(`SIGKILL to replica ${replicas.indexOf(replica) + 1}`);
    await replica.stop("SIGKILL");
    if (!random.chance(AT_ONCE)) await pause(random.between(...RESTART_MS));
    await replica.start();
  }

  const times = Array.from({ length: kills }, () => random.next() * ms).sort((a, b) => a - b);
  const startedAt = performance.now();
  for (let kill = 0; kill < kills;) {
    await pause(startedAt + times[kill] - performance.now(), over);
    const ready = replicas.filter((replica) => replica.killable && replica.isRunning());
    if (ready.length === 0) {
      await pause(LOOK_MS);
      continue;
    }
    const first = ready[random.between(0, ready.length)];
    const victims = random.chance(ALL) ? ready.slice(0, kills - kill) : [first];
    restarts.push(...victims.map(killAndRestart));
    kill += victims.length;
  }
  await Promise.all(restarts);
}

/** Breaks a request now and then. Returns how often, by fault. */
export async function setFaults(sandbox: Sandbox, { random, over }: DisturbOptions): Promise<Record<string, number>> {
  const faults: Record<string, number> = {};
  while (!over.aborted) {
    await pause(random.between(...FAULT_MS), over);
    const name = random.pick(FAULT_NAMES);
    faults[name] = (faults[name] ?? 0) + 1;
    sandbox.setFault(name, { endpoint: random.pick(["sync", "query"]), times: 1 });
  }
  sandbox.clearFaults();
  return faults;
}

/** Steps the database's clock by a quarter of an hour to either side, whenever `mayStep`. Returns how often. */
export async function stepClock(
  postgres: Postgres,
  mayStep: () => boolean,
  { random, over, print }: DisturbOptions,
): Promise<number> {
  for (let steps = 0;; steps++) {
    await pause(random.between(...CLOCK_STEP_MS), over);
    while (!mayStep()) await pause(LOOK_MS);
    if (over.aborted) {
      // What is due by any of the clocks is due by this one.
      postgres.setClockOffset(MAX_CLOCK_STEP_MS);
      return steps;
    }
    const aheadMs = random.pick(CLOCK_STEPS_MS);
    print(`the database's clock is ${aheadMs / 60_000} min ahead`);
    postgres.setClockOffset(aheadMs);
  }
}
