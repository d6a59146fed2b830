import type { AccountTrackingStats } from "../tracking/stats.ts";
import type { Instruments } from "./metrics.ts";

/** What the gauges read of tracking. */
export interface ObservedTracking {
  /** Rejects while the database is unavailable. Reads it every few seconds at most. */
  stats(): Promise<readonly AccountTrackingStats[]>;
  counts(): { readonly running: number; readonly unrecorded: number };
}

type Labels = Readonly<Record<string, string>>;
type Values = readonly (readonly [value: number, labels: Labels])[];

/** Reads the state of tracked refunds on every collection of metrics. Without the database there are no values. */
export function observeTracking(meter: Instruments, tracking: ObservedTracking): void {
  const observe = (
    name: string,
    unit: string,
    description: string,
    valuesOf: (stats: AccountTrackingStats, labels: Labels) => Values,
  ) =>
    meter.createObservableGauge(`refundsync.tracking.${name}`, { unit, description }).addCallback(async (result) => {
      const accounts = await tracking.stats().catch(() => []);
      for (const stats of accounts) {
        for (const [value, labels] of valuesOf(stats, { account: stats.account })) result.observe(value, labels);
      }
    });
  const count = (name: string, unit: string, description: string, read: () => number) =>
    meter.createObservableGauge(`refundsync.tracking.${name}`, { unit, description })
      .addCallback((result) => result.observe(read()));

  observe("due", "{refund}", "Tracked refunds whose next attempt is due", ({ due }, labels) => [[due, labels]]);
  observe("lag", "s", "How long the most overdue attempt has been due", ({ lagSeconds }, labels) => [
    [lagSeconds, labels],
  ]);
  observe(
    "in_doubt",
    "{refund}",
    "Tracked refunds with a sync that was begun and not answered",
    ({ inDoubt }, labels) => [[inDoubt, labels]],
  );
  observe(
    "refunds",
    "{refund}",
    "Refunds that are followed, by status",
    ({ byStatus }, labels) => byStatus.map(({ status, refunds }) => [refunds, { ...labels, status }]),
  );
  observe(
    "oldest_age",
    "s",
    "Age of the oldest refund that is followed, by status",
    ({ byStatus }, labels) => byStatus.map(({ status, oldestSeconds }) => [oldestSeconds, { ...labels, status }]),
  );
  count("running", "{attempt}", "Attempts in progress", () => tracking.counts().running);
  count(
    "unrecorded",
    "{result}",
    "Results that wait until the database can record them",
    () => tracking.counts().unrecorded,
  );
}
