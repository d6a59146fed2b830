import process from "node:process";
import type { Stats } from "../refund/refunds.ts";
import type { Instruments } from "./metrics.ts";

const BREAKER_STATES: readonly Stats["breaker"][] = ["closed", "half-open", "open"];

/** What runs, as labels of `refundsync.build_info`. */
export interface BuildInfo {
  readonly version: string;
  readonly deno: string;
  /** DaxPay's, as configured; those of several accounts are separated by commas. */
  readonly release: string;
}

/** The present state of an account. */
export interface AccountState {
  readonly account: string;
  /** DaxPay's, as configured. */
  readonly release: string;
  readonly queryMode: string;
  readonly stats: Stats;
}

/** Reads the domain's state on every collection of metrics. `elapsed` is Clock.elapsed. */
export function observeRefunds(
  meter: Instruments,
  accounts: () => readonly AccountState[],
  elapsed: () => number,
): void {
  const observe = (name: string, unit: string, description: string, read: (stats: Stats) => number | undefined) =>
    meter.createObservableGauge(name, { unit, description }).addCallback((result) => {
      for (const { account, stats } of accounts()) {
        const value = read(stats);
        if (value !== undefined) result.observe(value, { account });
      }
    });
  meter.createObservableGauge("refundsync.account_info", {
    description: "Always 1; release and query mode of the account are in the labels",
  }).addCallback((result) => {
    for (const { account, release, queryMode } of accounts()) result.observe(1, { account, release, query: queryMode });
  });
  observe("refundsync.queue.size", "{request}", "DaxPay requests in the queue", (at) => at.queueSize);
  observe("refundsync.upstream.in_flight", "{request}", "DaxPay requests queued or in flight", (at) => at.inFlight);
  observe("refundsync.watches", "{watch}", "Open watches", (at) => at.watchers);
  observe("refundsync.in_doubt", "{refund}", "Refunds with a sync that was sent and not answered", (at) => at.inDoubt);
  observe(
    "refundsync.oldest_watch.age",
    "s",
    "Age of the oldest watch of a refund that is not final",
    (at) => at.oldestWatch === undefined ? 0 : (elapsed() - at.oldestWatch) / 1000,
  );
  observe(
    "refundsync.circuit_breaker.state",
    "{state}",
    "Circuit breaker to DaxPay: 0 closed, 1 half-open, 2 open",
    (at) => BREAKER_STATES.indexOf(at.breaker),
  );
  observe(
    "daxpay.clock.skew",
    "s",
    "How far DaxPay's clock was ahead in its last verified reply",
    (at) => at.skewMs === undefined ? undefined : at.skewMs / 1000,
  );
}

/** Reads the process's own state on every collection of metrics. */
export function observeProcess(
  meter: Instruments,
  build: BuildInfo,
  connections: () => number,
  droppedLogLines: () => number,
): void {
  observeGauge(meter, "http.server.open_connections", "{connection}", "Open connections", connections);
  observeGauge(meter, "process.memory.usage", "By", "Resident memory", () => process.memoryUsage().rss);
  meter.createObservableCounter("refundsync.log.dropped", {
    unit: "{line}",
    description: "Log lines lost because standard output did not take them",
  }).addCallback((result) => result.observe(droppedLogLines()));
  meter.createObservableGauge("refundsync.build_info", { description: "Always 1; the build is in the labels" })
    .addCallback((result) => result.observe(1, { ...build }));
}

function observeGauge(
  meter: Instruments,
  name: string,
  unit: string,
  description: string,
  read: () => number,
): void {
  meter.createObservableGauge(name, { unit, description }).addCallback((result) => result.observe(read()));
}
