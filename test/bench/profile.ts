import { launch, type LaunchOptions, untilReady } from "./contender.ts";
import type { Protocol } from "./load/callers.ts";
import { load } from "./load/load.ts";

/** The members of a V8 CPU profile that are read here. */
export interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds between samples. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

export interface ProfileOptions extends LaunchOptions {
  readonly protocol: Protocol;
  readonly ms: number;
}

export interface ProfileEntry {
  readonly name: string;
  /** Fraction of the busy time, without and with callees. */
  readonly self: number;
  readonly total: number;
}

export interface ProfileSummary {
  /** Source files of this repository, npm packages and modules of the runtime. */
  readonly modules: readonly ProfileEntry[];
  readonly functions: readonly ProfileEntry[];
}

export const PROFILE_CALLERS = 16;

/** Profiles the service under load, including its start. */
export async function profileService({ protocol, ms, ...options }: ProfileOptions): Promise<Profile> {
  const name = `${protocol.replace(" ", "-")}.cpuprofile`;
  // Instead of --inspect, with which Deno spends a tenth of its time on reporting every fetch.
  const flags = ["--cpu-prof", `--cpu-prof-dir=${options.folder}`, `--cpu-prof-name=${name}`];
  const service = launch("service", { ...options, flags });
  await untilReady(service);
  await load(service, { protocol, callers: PROFILE_CALLERS, ms });
  await service.process.stop();
  return JSON.parse(await Deno.readTextFile(`${options.folder}/${name}`));
}

/** Sums up the busy time by module and by function. Recursive calls count once. */
export function summarize(profile: Profile): ProfileSummary {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const modules = createTimes();
  const functions = createTimes();
  let busyUs = 0;
  profile.samples.forEach((id, index) => {
    const node = nodes.get(id);
    if (!node || node.callFrame.functionName === "(idle)") return;
    const us = profile.timeDeltas[index];
    busyUs += us;
    const stack: ProfileNode[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const ancestor = nodes.get(at);
      if (ancestor) stack.push(ancestor);
    }
    modules.add(stack.map(moduleOf), us);
    functions.add(stack.map(nameOf), us);
  });
  return { modules: modules.entries(busyUs), functions: functions.entries(busyUs) };
}

function createTimes() {
  const times = new Map<string, { self: number; total: number }>();
  const timesOf = (name: string) => {
    const entry = times.get(name) ?? { self: 0, total: 0 };
    times.set(name, entry);
    return entry;
  };
  return {
    /** Names of a stack's frames, innermost first. */
    add(stack: readonly string[], us: number): void {
      timesOf(stack[0]).self += us;
      for (const name of new Set(stack)) timesOf(name).total += us;
    },
    entries: (busyUs: number): ProfileEntry[] =>
      [...times].map(([name, { self, total }]) => ({ name, self: self / busyUs, total: total / busyUs }))
        .sort((a, b) => b.self - a.self),
  };
}

function nameOf(node: Pick<ProfileNode, "callFrame">): string {
  const { functionName, lineNumber } = node.callFrame;
  return `${functionName || "(anonymous)"} ${moduleOf(node)}:${lineNumber + 1}`;
}

/** `src/daxpay/json.ts`, `npm:ky`, `ext:deno_fetch/26_fetch.js`, or V8's own name like `(garbage collector)`. */
function moduleOf({ callFrame: { url, functionName } }: Pick<ProfileNode, "callFrame">): string {
  const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? [];
  if (name) return `npm:${name}`;
  return url.replace(/^.*\/(?=src\/)/, "") || functionName;
}
