import { type Contender, titleOf } from "./contender.ts";
import type { Protocol } from "./load/callers.ts";
import type { Load } from "./load/load.ts";
import { PROFILE_CALLERS, type ProfileSummary } from "./profile.ts";
import { labelOf, type Setup } from "./setup.ts";
import { ratioOf, type Spread, spreadOf } from "./stat.ts";
import { type BatchResult, UNARY_CALLERS } from "./work/batch.ts";
import type { HttpClientResult } from "./work/http-client.ts";
import type { MemoryResult } from "./work/memory.ts";
import type { QueryFirstResult } from "./work/query-first.ts";
import type { SameRefundResult } from "./work/same-refund.ts";
import type { StartResult } from "./work/start.ts";
import type { UnaryResult } from "./work/unary.ts";
import type { WatchesResult } from "./work/watches.ts";

/** One measurement. The title names DaxPay's release and DAXPAY_QUERY. */
export interface Section<T> {
  readonly title: string;
  readonly results: readonly T[];
}

/** All measurements of one run. */
export interface Results {
  readonly machine: string;
  readonly unary: Section<UnaryResult>;
  readonly slowUnary: Section<UnaryResult>;
  readonly queryFirst: Section<QueryFirstResult>;
  readonly slowQueryFirst: Section<QueryFirstResult>;
  readonly sameRefund: Section<SameRefundResult>;
  readonly slowSameRefund: Section<SameRefundResult>;
  readonly batch: Section<BatchResult>;
  readonly httpClient: Section<HttpClientResult>;
  readonly watches: Section<WatchesResult>;
  readonly starts: Section<StartResult>;
  readonly memory: Section<MemoryResult>;
}

/** One load compared with another one, by round. */
export interface Comparison {
  /** Above 1: more calls per second. */
  readonly throughput: Spread;
  /** Above 1: less CPU time per call. */
  readonly cpu: Spread;
  /** Milliseconds added to the median latency. */
  readonly addedP50: Spread;
}

/** The service compared with another contender under the same load. */
export interface Ratio extends Comparison {
  readonly load: string;
  readonly to: Contender;
}

/** The service with one setup compared with itself with another one. */
export interface QueryFirstRatio extends Comparison {
  readonly setup: Setup;
  readonly to: Setup;
}

const FACADES: readonly Contender[] = ["fastify", "deno"];

/** Compares with the baseline over the same protocol, and with the façades by JSON over HTTP/1.1. */
export function ratiosOf(results: readonly UnaryResult[]): Ratio[] {
  const find = (contender: Contender, protocol: Protocol, callers: number) =>
    results.find((result) =>
      result.contender === contender && result.protocol === protocol && result.callers === callers
    );
  return results.filter(({ contender }) => contender === "service").flatMap(({ protocol, callers, rounds }) => {
    const others = [
      find("baseline", protocol, callers),
      ...(protocol === "Connect JSON" ? FACADES.map((facade) => find(facade, "REST", callers)) : []),
    ];
    return others.filter((other) => other !== undefined).map((other) => ({
      load: `${protocol} × ${callers}`,
      to: other.contender,
      ...compare(rounds, other.rounds),
    }));
  });
}

/** Compares every other result with the first one. */
export function queryFirstRatiosOf([first, ...others]: readonly QueryFirstResult[]): QueryFirstRatio[] {
  return others.map(({ setup, rounds }) => ({ setup, to: first.setup, ...compare(rounds, first.rounds) }));
}

function compare(rounds: readonly Load[], others: readonly Load[]): Comparison {
  return {
    throughput: ratioOf(rounds.map(({ callsPerSecond }) => callsPerSecond), others.map((load) => load.callsPerSecond)),
    cpu: ratioOf(others.map(({ cpuUs }) => cpuUs), rounds.map(({ cpuUs }) => cpuUs)),
    addedP50: spreadOf(rounds.map(({ p50 }, round) => p50 - others[round].p50)),
  };
}

/** Prints tables for people. */
export function print(results: Results): void {
  console.log(`${results.machine}\nEach value: median of the rounds (minimum to maximum)`);
  printUnary(results.unary);
  printUnary(results.slowUnary);
  printQueryFirst(results.queryFirst);
  printQueryFirst(results.slowQueryFirst);
  printSameRefund(results.sameRefund);
  printSameRefund(results.slowSameRefund);
  printSection(results.batch, ({ contender, method, ms }) => [
    titleOf(contender),
    method === "batch" ? "one batch" : `unary, ${UNARY_CALLERS} callers`,
    `${format(spreadOf(ms), 0)} ms`,
  ]);
  printSection(results.httpClient, ({ client, us }) => [client, `${format(spreadOf(us), 0)} µs`]);
  printSection(results.watches, ({ count, liveBytesEach, rssEach, idleCores }) => [
    String(count),
    `${kilobytes(liveBytesEach)} live, ${kilobytes(rssEach)} RSS each`,
    `${(idleCores * 100).toFixed(1)} % of a core while idle`,
  ]);
  printSection(results.starts, ({ contender, ms, rss }) => [
    titleOf(contender),
    `${format(spreadOf(ms), 0)} ms`,
    `${megabytes(spreadOf(rss).median)} RSS`,
  ]);
  printSection(results.memory, ({ contender, samples }) => [
    titleOf(contender),
    samples.map(({ calls, liveBytes, rss }) => `${calls}: ${megabytes(liveBytes)} live, ${megabytes(rss)} RSS`)
      .join("; "),
  ]);
}

function printUnary(section: Section<UnaryResult>): void {
  printSection(section, ({ contender, protocol, callers, rounds }) => [
    titleOf(contender),
    `${protocol} × ${callers}`,
    ...loadColumns(rounds),
  ]);
  console.log("  Ratio of this service to");
  for (const { load, to, ...comparison } of ratiosOf(section.results)) {
    printRow([titleOf(to), load, ...comparisonColumns(comparison)]);
  }
}

function printQueryFirst(section: Section<QueryFirstResult>): void {
  printSection(section, ({ setup, requestsPerCall, rounds }) => [
    labelOf(setup),
    `DaxPay requests per call: ${requestsPerCall}`,
    ...loadColumns(rounds),
  ]);
  console.log("  Ratio");
  for (const { setup, to, ...comparison } of queryFirstRatiosOf(section.results)) {
    printRow([labelOf(setup), `to ${labelOf(to)}`, ...comparisonColumns(comparison)]);
  }
}

function printSameRefund(section: Section<SameRefundResult>): void {
  printSection(section, ({ contender, succeeded, ms, requests }) => [
    titleOf(contender),
    `${format(spreadOf(succeeded), 0)} succeeded in ${format(spreadOf(ms), 0)} ms`,
    `${format(spreadOf(succeeded.map((count, round) => count / ms[round] * 1000)), 0)}/s`,
    `DaxPay requests: ${format(spreadOf(requests), 0)}`,
  ]);
}

function loadColumns(rounds: readonly Load[]): readonly string[] {
  const spread = (pick: (load: Load) => number) => spreadOf(rounds.map(pick));
  return [
    `${format(spread(({ callsPerSecond }) => callsPerSecond), 0)}/s`,
    `p50 ${format(spread(({ p50 }) => p50), 2)} ms`,
    `${format(spread(({ cpuUs }) => cpuUs), 0)} µs CPU`,
    `${spread(({ cores }) => cores).median.toFixed(2)} cores`,
  ];
}

function comparisonColumns({ throughput, cpu, addedP50 }: Comparison): readonly string[] {
  return [
    `throughput ${format(throughput, 2)}`,
    `CPU ${format(cpu, 2)}`,
    `p50 ${addedP50.median < 0 ? "" : "+"}${format(addedP50, 2)} ms`,
  ];
}

/** Prints the service's hottest modules, functions, and functions by total time. `load`: protocol and setup. */
export function printProfile(load: string, { modules, functions }: ProfileSummary, file: string): void {
  const percent = (fraction: number) => `${(fraction * 100).toFixed(1)} %`.padStart(7);
  console.log(`\n${load}, ${PROFILE_CALLERS} callers: fraction of the service's busy time, without and with callees`);
  console.log(`Profile: ${file}`);
  for (const entries of [modules.slice(0, 25), functions.slice(0, 25), byTotal(functions)]) {
    for (const { name, self, total } of entries) console.log(`  ${percent(self)} ${percent(total)}  ${name}`);
    console.log();
  }
}

/** The functions of this repository and of packages with the largest total time. */
function byTotal(functions: ProfileSummary["functions"]): ProfileSummary["functions"] {
  return functions.filter(({ name }) => / (src\/|npm:)/.test(name)).sort((a, b) => b.total - a.total).slice(0, 40);
}

function printSection<T>({ title, results }: Section<T>, columnsOf: (result: T) => readonly string[]): void {
  console.log(`\n${title}`);
  for (const result of results) printRow(columnsOf(result));
}

function printRow(columns: readonly string[]): void {
  console.log(`  ${columns.map((column, index) => column.padEnd(index === 0 ? 32 : 26)).join(" ").trimEnd()}`);
}

function format({ median, min, max }: Spread, digits: number): string {
  return min === max
    ? median.toFixed(digits)
    : `${median.toFixed(digits)} (${min.toFixed(digits)} to ${max.toFixed(digits)})`;
}

const kilobytes = (bytes: number) => `${(bytes / 1024).toFixed(1)} KB`;
const megabytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MB`;
