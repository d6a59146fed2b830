import { expect, test } from "vitest";
import { findPostgres } from "../support/postgres.ts";
import { startCluster } from "./replicas/cluster.ts";
import { pauseBetweenClaimAndSend } from "./replicas/paused.ts";
import { runReplicas } from "./replicas/run.ts";

const replicasTest = test.skipIf(!findPostgres()).concurrent;

replicasTest(
  "main() tracks every refund and credits none twice while replicas are killed (needs PostgreSQL)",
  async () => {
    const report = await runReplicas({
      replicas: 2,
      refunds: 60,
      kills: 2,
      seconds: 3,
      seed: 1,
      clockSteps: false,
      pause: false,
      settle: false,
      print: () => {},
    });
    expect(report.violations).toEqual([]);
    expect(report.states).toHaveProperty("FINAL");
  },
);

replicasTest("main() sends no sync whose claim has grown too old while it was stopped (needs PostgreSQL)", async () => {
  const violations: string[] = [];
  await using cluster = await startCluster({
    replicas: 2,
    postgres: {},
    timeoutMs: 1_000,
    // The other replica takes over 5 s later.
    settleMs: 1_000,
    onViolation: (violation) => violations.push(violation),
  });
  const report = await pauseBetweenClaimAndSend(cluster, { takeoverAfterMs: 0, channelMs: 800 });
  expect(report).toEqual({ outcome: "RATE_LIMITED", syncs: 1, violations: [] });
  await cluster.books.close();
  expect([...violations, ...cluster.books.violations()]).toEqual([]);
});
