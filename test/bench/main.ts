import { availableParallelism, cpus } from "node:os";
import { readArgumentsOrExit } from "../../src/cli/arguments.ts";
import { CONTENDERS, launch, type LaunchOptions, type Running, untilReady } from "./contender.ts";
import { PLANS } from "./plan.ts";
import { stopAll } from "./process.ts";
import { profileService, summarize } from "./profile.ts";
import { print, printProfile, queryFirstRatiosOf, ratiosOf, type Results, type Section } from "./report.ts";
import { labelOf, QUERY_FIRST, QUERY_FIRST_3, SYNC_ONLY } from "./setup.ts";
import { startUpstream } from "./upstream.ts";
import { measureBatch } from "./work/batch.ts";
import { measureHttpClient } from "./work/http-client.ts";
import { measureMemory } from "./work/memory.ts";
import { measureQueryFirst } from "./work/query-first.ts";
import { measureSameRefund } from "./work/same-refund.ts";
import { measureStarts } from "./work/start.ts";
import { measureUnary } from "./work/unary.ts";
import { measureWatches } from "./work/watches.ts";

const HELP = `Compare the service with a minimal baseline and two REST façades

  --quick    about a minute, with few and short rounds
  --json     one JSON document instead of tables
  --profile  profile the service under load instead, and keep the profiles for Chromium's DevTools
  --help     this page`;

const flags = readArgumentsOrExit({
  options: { quick: { type: "boolean" }, json: { type: "boolean" }, profile: { type: "boolean" } },
  help: () => HELP,
  read: (values) => values,
});
const plan = PLANS[flags.quick ? "quick" : "full"];
/** Milliseconds of the slow channel. */
const SLOW_MS = 50;

async function measure(folder: string): Promise<Results> {
  const fast = await startUpstream({ release: SYNC_ONLY.release, latencyMs: 0, folder });
  const slow = await startUpstream({ release: SYNC_ONLY.release, latencyMs: SLOW_MS, folder });
  const fast3 = await startUpstream({ release: QUERY_FIRST_3.release, latencyMs: 0, folder });
  const slow3 = await startUpstream({ release: QUERY_FIRST_3.release, latencyMs: SLOW_MS, folder });
  const syncOnly = { upstream: fast, queryMode: SYNC_ONLY.queryMode, folder };
  const slowSyncOnly = { ...syncOnly, upstream: slow };
  const queryFirst = { upstream: fast, queryMode: QUERY_FIRST.queryMode, folder };
  const fastLabel = `${labelOf(SYNC_ONLY)}, ${latencyLabel(0)}`;
  const slowLabel = `${labelOf(SYNC_ONLY)}, ${latencyLabel(SLOW_MS)}`;
  const defaultLabel = `${labelOf(QUERY_FIRST)}, ${latencyLabel(0)}`;
  const { callers } = plan.sameRefund;

  const starts = await section(
    `Cold start to the first response, ${defaultLabel}`,
    measureStarts(CONTENDERS, { ...queryFirst, rounds: plan.starts }),
  );
  const fastResults = await withContenders(syncOnly, async (all) => ({
    unary: await section(`Unary calls, ${fastLabel}`, measureUnary(all, plan.unary)),
    batch: await section(`A batch of ${plan.batch.size} refunds, ${fastLabel}`, measureBatch(all, plan.batch)),
    sameRefund: await section(
      `${callers} callers of one refund, ${fastLabel}`,
      measureSameRefund(all, { ...plan.sameRefund, upstream: fast }),
    ),
  }));
  const slowResults = await withContenders(slowSyncOnly, async (all) => ({
    slowUnary: await section(`Unary calls, ${slowLabel}`, measureUnary(all, plan.slowUnary)),
    slowSameRefund: await section(
      `${callers} callers of one refund, ${slowLabel}`,
      measureSameRefund(all, { ...plan.sameRefund, upstream: slow }),
    ),
  }));
  return {
    machine: `${availableParallelism()} × ${cpus()[0].model}, Deno ${Deno.version.deno}`,
    starts,
    ...fastResults,
    ...slowResults,
    queryFirst: await section(
      `Query first versus sync alone, gRPC × ${plan.queryFirst.callers}, ${latencyLabel(0)}`,
      measureQueryFirst({ ...plan.queryFirst, upstreams: [fast, fast3], folder }),
    ),
    slowQueryFirst: await section(
      `Query first versus sync alone, gRPC × ${plan.slowQueryFirst.callers}, ${latencyLabel(SLOW_MS)}`,
      measureQueryFirst({ ...plan.slowQueryFirst, upstreams: [slow, slow3], folder }),
    ),
    httpClient: await section(
      `One signed sync of DaxPay ${fast.release}, without a service, one caller`,
      measureHttpClient({ upstream: fast, ...plan.httpClient }),
    ),
    watches: await section(`Open watches, ${defaultLabel}`, measureWatches({ ...queryFirst, ...plan.watches })),
    memory: await section(
      `Memory after calls, ${defaultLabel}`,
      measureMemory(CONTENDERS, { ...queryFirst, ...plan.memory }),
    ),
  };
}

function latencyLabel(ms: number): string {
  return `channel latency ${ms} ms`;
}

/** Runs the work while all contenders run, and stops them. */
async function withContenders<T>(options: LaunchOptions, work: (all: readonly Running[]) => Promise<T>): Promise<T> {
  const all = CONTENDERS.map((contender) => launch(contender, options));
  for (const running of all) await untilReady(running);
  try {
    return await work(all);
  } finally {
    for (const { process } of all) await process.stop();
  }
}

/** Reports progress on stderr, since the whole benchmark takes minutes. */
async function section<T>(title: string, work: Promise<readonly T[]>): Promise<Section<T>> {
  const startedAt = performance.now();
  const results = await work;
  console.error(`${title}: measured in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  return { title, results };
}

async function profile(folder: string): Promise<void> {
  const upstream = await startUpstream({ release: SYNC_ONLY.release, latencyMs: 0, folder });
  const { queryMode } = SYNC_ONLY;
  const setup = labelOf(SYNC_ONLY);
  const kept = await Deno.makeTempDir({ prefix: "bench-" });
  for (const protocol of ["gRPC", "Connect JSON"] as const) {
    const profile = await profileService({ upstream, queryMode, folder, protocol, ms: plan.profileMs });
    const file = `${kept}/${protocol.replace(" ", "-").toLowerCase()}.cpuprofile`;
    await Deno.writeTextFile(file, JSON.stringify(profile));
    const summary = summarize(profile);
    if (flags.json) console.log(JSON.stringify({ protocol, setup, file, ...summary }));
    else printProfile(`${protocol}, ${setup}`, summary, file);
  }
}

async function main(): Promise<void> {
  const folder = await Deno.makeTempDir();
  let keep = false;
  try {
    if (flags.profile) return await profile(folder);
    const results = await measure(folder);
    if (!flags.json) return print(results);
    const ratios = {
      unary: ratiosOf(results.unary.results),
      slowUnary: ratiosOf(results.slowUnary.results),
      queryFirst: queryFirstRatiosOf(results.queryFirst.results),
      slowQueryFirst: queryFirstRatiosOf(results.slowQueryFirst.results),
    };
    console.log(JSON.stringify({ ...results, ratios }));
  } catch (error) {
    keep = true;
    console.error(`The logs of all processes are in ${folder}`);
    throw error;
  } finally {
    await stopAll();
    if (!keep) await Deno.remove(folder, { recursive: true });
  }
}

await main();
