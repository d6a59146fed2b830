import type { Protocol } from "./load/caller.ts";
import { type Contender, titleOf } from "./contender.ts";
import type { Load } from "./load/load.ts";
import type { Summary } from "./profile.ts";
import { ratioOf, type Spread, spreadOf } from "./stat.ts";
import { type Batch, BATCH_CALLERS } from "./work/batch.ts";
import type { Crowd } from "./work/crowd.ts";
import type { HttpClientCost } from "./work/http-client.ts";
import type { Memory } from "./work/memory.ts";
import type { ColdStart } from "./work/start.ts";
import type { Cell } from "./work/unary.ts";
import type { Watchers } from "./work/watch.ts";

/** Everything that one run found. */
export interface Results {
  readonly machine: string;
  /** With an upstream that answers at once, and with one that takes 50 ms. */
  readonly unary: readonly Cell[];
  readonly slowUnary: readonly Cell[];
  readonly crowd: readonly Crowd[];
  readonly slowCrowd: readonly Crowd[];
  readonly batch: readonly Batch[];
  readonly httpClient: readonly HttpClientCost[];
  readonly watchers: readonly Watchers[];
  readonly starts: readonly ColdStart[];
  readonly memory: readonly Memory[];
}

/** The service beside another contender, on the same work by the same generator. */
export interface Ratio {
  readonly work: string;
  readonly beside: Contender;
  /** Above 1: the service does more. */
  readonly throughput: Spread;
  /** Above 1: the service needs less CPU time for a call. */
  readonly cpu: Spread;
  /** Milliseconds that the service adds to the median. */
  readonly addedP50: Spread;
}

const FACADES: readonly Contender[] = ["fastify", "deno"];

/** Ratios by round: the floor by the same protocol, the façades by JSON on HTTP/1.1. */
export function ratiosOf(cells: readonly Cell[]): Ratio[] {
  const find = (contender: Contender, protocol: Protocol, callers: number) =>
    cells.find((cell) => cell.contender === contender && cell.protocol === protocol && cell.callers === callers);
  const ratios: Ratio[] = [];
  for (const cell of cells.filter(({ contender }) => contender === "service")) {
    const { protocol, callers } = cell;
    const others = [
      find("floor", protocol, callers),
      ...(protocol === "Connect JSON" ? FACADES.map((facade) => find(facade, "REST", callers)) : []),
    ];
    for (const other of others) {
      if (!other) continue;
      const of = (pick: (load: Load) => number) => [cell.rounds.map(pick), other.rounds.map(pick)] as const;
      const cpu = of(({ cpuUs }) => cpuUs);
      const p50 = of((load) => load.p50);
      ratios.push({
        work: `${protocol}, ${callers} ${callers === 1 ? "caller" : "callers"}`,
        beside: other.contender,
        throughput: ratioOf(...of(({ callsPerSecond }) => callsPerSecond)),
        cpu: ratioOf(cpu[1], cpu[0]),
        addedP50: spreadOf(p50[0].map((ms, round) => ms - p50[1][round])),
      });
    }
  }
  return ratios;
}

/** For people. */
export function print(results: Results): void {
  console.log(`${results.machine}\nEach number: median of the rounds (least to most)\n`);
  printUnary("Unary, upstream 0 ms", results.unary);
  printUnary("Unary, upstream 50 ms", results.slowUnary);
  printCrowd("500 callers of one refund, upstream 0 ms", results.crowd);
  printCrowd("500 callers of one refund, upstream 50 ms", results.slowCrowd);
  console.log("A batch of 1000 refunds, upstream 0 ms");
  for (const { contender, way, ms } of results.batch) {
    row(
      titleOf(contender),
      way === "batch" ? "one batch" : `unary, ${BATCH_CALLERS} callers`,
      `${shown(spreadOf(ms), 0)} ms`,
    );
  }
  console.log("\nOne signed exchange with DaxPay, one caller");
  for (const { by, us } of results.httpClient) row(`by ${by}`, `${shown(spreadOf(us), 0)} µs`);
  console.log("\nOpen watchers");
  for (const { count, liveBytesEach, rssEach, idleCores } of results.watchers) {
    const each = `${kilobytes(liveBytesEach)} live, ${kilobytes(rssEach)} in RAM each`;
    row(String(count), each, `${(idleCores * 100).toFixed(1)} % of a core while idle`);
  }
  console.log("\nCold start to the first answer");
  for (const { contender, ms, rss } of results.starts) {
    row(titleOf(contender), `${shown(spreadOf(ms), 0)} ms`, `${megabytes(spreadOf(rss).median)} in RAM`);
  }
  console.log("\nMemory after calls");
  for (const { contender, after } of results.memory) {
    const texts = after.map(({ calls, liveBytes, rss }) =>
      `${calls}: ${megabytes(liveBytes)} live, ${megabytes(rss)} in RAM`
    );
    row(titleOf(contender), texts.join("; "));
  }
}

function printUnary(title: string, cells: readonly Cell[]): void {
  console.log(title);
  for (const { contender, protocol, callers, rounds } of cells) {
    const of = (pick: (load: Load) => number) => spreadOf(rounds.map(pick));
    row(
      titleOf(contender),
      `${protocol} × ${callers}`,
      `${shown(of((load) => load.callsPerSecond), 0)}/s`,
      `p50 ${shown(of((load) => load.p50), 2)} ms`,
      `${shown(of((load) => load.cpuUs), 0)} µs CPU`,
      `${of((load) => load.cores).median.toFixed(2)} cores`,
    );
  }
  console.log("  Ratios: this service beside");
  for (const { work, beside, throughput, cpu, addedP50 } of ratiosOf(cells)) {
    row(
      titleOf(beside),
      work,
      `throughput ${shown(throughput, 2)}`,
      `CPU ${shown(cpu, 2)}`,
      `p50 ${addedP50.median < 0 ? "" : "+"}${shown(addedP50, 2)} ms`,
    );
  }
  console.log();
}

function printCrowd(title: string, crowds: readonly Crowd[]): void {
  console.log(title);
  for (const { contender, learned, ms, requests } of crowds) {
    const rate = learned.map((count, round) => count / ms[round] * 1000);
    row(
      titleOf(contender),
      `${shown(spreadOf(learned), 0)} learned it in ${shown(spreadOf(ms), 0)} ms`,
      `${shown(spreadOf(rate), 0)}/s`,
      `${shown(spreadOf(requests), 0)} requests to DaxPay`,
    );
  }
  console.log();
}

export function printProfile(protocol: Protocol, { places, functions }: Summary, file: string): void {
  const percent = (part: number) => `${(part * 100).toFixed(1)} %`.padStart(7);
  console.log(`\nThis service under ${protocol}, 16 callers: part of its busy time, without and with what it calls`);
  console.log(`The whole profile: ${file}`);
  for (const spots of [places.slice(0, 25), functions.slice(0, 25), heaviest(functions)]) {
    for (const { name, self, total } of spots) console.log(`  ${percent(self)} ${percent(total)}  ${name}`);
    console.log();
  }
}

/** Functions of ours and of packages by all that they call. */
function heaviest(functions: Summary["functions"]): Summary["functions"] {
  return functions.filter(({ name }) => / (src\/|npm:)/.test(name)).sort((a, b) => b.total - a.total).slice(0, 40);
}

function row(...columns: readonly string[]): void {
  console.log(`  ${columns.map((column, index) => column.padEnd(index === 0 ? 32 : 26)).join(" ").trimEnd()}`);
}

function shown({ median, least, most }: Spread, digits: number): string {
  return least === most
    ? median.toFixed(digits)
    : `${median.toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`;
}

const kilobytes = (bytes: number) => `${(bytes / 1024).toFixed(1)} KB`;
const megabytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MB`;
