import { availableParallelism, cpus } from "node:os";
import { readArgumentsOrExit } from "../../src/cli/arguments.ts";
import { answering, CONTENDERS, launch, type StartOptions, startUpstream } from "./contender.ts";
import { PLANS } from "./plan.ts";
import { stopAll } from "./process.ts";
import { profileService, summaryOf } from "./profile.ts";
import { print, printProfile, ratiosOf, type Results } from "./report.ts";
import { measureBatch } from "./work/batch.ts";
import { measureCrowd } from "./work/crowd.ts";
import { measureHttpClient } from "./work/http-client.ts";
import { measureMemory } from "./work/memory.ts";
import { measureStarts } from "./work/start.ts";
import { measureUnary } from "./work/unary.ts";
import { measureWatchers } from "./work/watch.ts";

const HELP = `How fast the service is, beside a floor and beside what teams would write instead

  --quick    under a minute, with few and short rounds
  --json     one JSON document instead of tables
  --profile  only profile the service under load, and keep the profiles for Chromium's DevTools
  --help     this page`;

const flags = readArgumentsOrExit({
  options: { quick: { type: "boolean" }, json: { type: "boolean" }, profile: { type: "boolean" } },
  help: () => HELP,
  read: (values) => values,
});
const plan = PLANS[flags.quick ? "quick" : "full"];
/** Milliseconds that the slower upstream takes. */
const SLOW_MS = 50;

async function measure(folder: string): Promise<Results> {
  const [fast, slow] = [await startUpstream(0, folder), await startUpstream(SLOW_MS, folder)];
  const options = { upstream: fast.url, folder };
  const alone = { starts: await told("cold start", measureStarts(CONTENDERS, { ...options, rounds: plan.starts })) };
  const first = await besides(options, async (all) => ({
    unary: await told("unary", measureUnary(all, plan.unary)),
    batch: await told("batch", measureBatch(all, plan.batch)),
    crowd: await told("crowd", measureCrowd(all, { ...plan.crowd, upstream: fast.url })),
  }));
  const second = await besides({ upstream: slow.url, folder }, async (all) => ({
    slowUnary: await told("unary, 50 ms", measureUnary(all, plan.slowUnary)),
    slowCrowd: await told("crowd, 50 ms", measureCrowd(all, { ...plan.crowd, upstream: slow.url })),
  }));
  return {
    machine: `${availableParallelism()} × ${cpus()[0].model}, Deno ${Deno.version.deno}`,
    ...alone,
    ...first,
    ...second,
    httpClient: await told("HTTP client", measureHttpClient({ upstream: fast.url, ...plan.httpClient })),
    watchers: await told("watchers", measureWatchers({ ...options, ...plan.watch })),
    memory: await told("memory", measureMemory(CONTENDERS, { ...options, ...plan.memory })),
  };
}

/** Runs the work with all contenders up at once, and stops them. */
async function besides<T>(options: StartOptions, work: (all: ReturnType<typeof launch>[]) => Promise<T>): Promise<T> {
  const all = CONTENDERS.map((contender) => launch(contender, options));
  for (const started of all) await answering(started);
  try {
    return await work(all);
  } finally {
    for (const { process } of all) await process.stop();
  }
}

/** Says on standard error how long a part took: the whole takes minutes. */
async function told<T>(part: string, work: Promise<T>): Promise<T> {
  const begunAt = performance.now();
  const found = await work;
  console.error(`${part}: ${((performance.now() - begunAt) / 1000).toFixed(1)} s`);
  return found;
}

async function profile(folder: string): Promise<void> {
  const { url } = await startUpstream(0, folder);
  const kept = await Deno.makeTempDir({ prefix: "bench-" });
  for (const protocol of ["gRPC", "Connect JSON"] as const) {
    const found = await profileService({ upstream: url, folder, protocol, ms: plan.profileMs });
    const file = `${kept}/${protocol.replace(" ", "-").toLowerCase()}.cpuprofile`;
    await Deno.writeTextFile(file, JSON.stringify(found));
    const summary = summaryOf(found);
    if (flags.json) console.log(JSON.stringify({ protocol, file, ...summary }));
    else printProfile(protocol, summary, file);
  }
}

async function main(): Promise<void> {
  const folder = await Deno.makeTempDir();
  let keep = false;
  try {
    if (flags.profile) return await profile(folder);
    const results = await measure(folder);
    if (!flags.json) return print(results);
    const ratios = { unary: ratiosOf(results.unary), slowUnary: ratiosOf(results.slowUnary) };
    console.log(JSON.stringify({ ...results, ratios }));
  } catch (error) {
    // What the contenders logged may explain it.
    keep = true;
    console.error(`The logs are in ${folder}`);
    throw error;
  } finally {
    await stopAll();
    if (!keep) await Deno.remove(folder, { recursive: true });
  }
}

await main();
