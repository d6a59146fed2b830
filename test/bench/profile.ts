import { answering, launch, type StartOptions } from "./contender.ts";
import { load } from "./load/load.ts";
import type { Protocol } from "./load/caller.ts";

/** A V8 CPU profile, as far as it is read here. */
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

export interface ProfileOptions extends StartOptions {
  readonly protocol: Protocol;
  readonly ms: number;
}

/** One row of a profile's summary. */
export interface Spot {
  readonly name: string;
  /** Part of the busy time spent in it, without and with what it called. */
  readonly self: number;
  readonly total: number;
}

export interface Summary {
  /** Files of this repository, packages and the runtime's own modules. */
  readonly places: readonly Spot[];
  readonly functions: readonly Spot[];
}

const CALLERS = 16;

/** Profiles the service under load, from its start on. */
export async function profileService({ protocol, ms, ...options }: ProfileOptions): Promise<Profile> {
  const name = `${protocol.replace(" ", "-")}.cpuprofile`;
  // Not by --inspect, with which Deno spends a tenth of its time on telling of every fetch.
  const flags = ["--cpu-prof", `--cpu-prof-dir=${options.folder}`, `--cpu-prof-name=${name}`];
  const service = launch("service", { ...options, flags });
  await answering(service);
  await load(service, { protocol, callers: CALLERS, ms });
  await service.process.stop();
  return JSON.parse(await Deno.readTextFile(`${options.folder}/${name}`));
}

/** Where the time went. A function that calls itself counts once. */
export function summaryOf(profile: Profile): Summary {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const places = createTally();
  const functions = createTally();
  let busy = 0;
  profile.samples.forEach((id, index) => {
    const node = nodes.get(id);
    if (!node || node.callFrame.functionName === "(idle)") return;
    const us = profile.timeDeltas[index];
    busy += us;
    const trail: ProfileNode[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const ancestor = nodes.get(at);
      if (ancestor) trail.push(ancestor);
    }
    places.add(trail.map(placeOf), us);
    functions.add(trail.map(nameOf), us);
  });
  return { places: places.spots(busy), functions: functions.spots(busy) };
}

function createTally() {
  const times = new Map<string, { self: number; total: number }>();
  const of = (name: string) => {
    const found = times.get(name) ?? { self: 0, total: 0 };
    times.set(name, found);
    return found;
  };
  return {
    /** From the innermost outwards. */
    add(trail: readonly string[], us: number): void {
      of(trail[0]).self += us;
      for (const name of new Set(trail)) of(name).total += us;
    },
    spots: (busy: number): Spot[] =>
      [...times].map(([name, { self, total }]) => ({ name, self: self / busy, total: total / busy }))
        .sort((a, b) => b.self - a.self),
  };
}

function nameOf({ callFrame }: ProfileNode): string {
  return `${callFrame.functionName || "(anonymous)"} ${placeOf({ callFrame, id: 0 })}:${callFrame.lineNumber + 1}`;
}

/** `src/daxpay/json.ts`, `npm:ky`, `ext:deno_fetch/26_fetch.js`, or what V8 says of itself. */
function placeOf({ callFrame: { url, functionName } }: ProfileNode): string {
  const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? [];
  if (name) return `npm:${name}`;
  return url.replace(/^.*\/(?=src\/)/, "") || functionName;
}
