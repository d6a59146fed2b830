import { describe, expect } from "vitest";
import { systemClock } from "../../src/refund/clock.ts";
import { createRateLimiter } from "../../src/refund/rate-limiter.ts";
import { createBudget } from "../../src/tracking/budget.ts";
import { type Database, SCHEMA } from "../../src/store/database.ts";
import { MIGRATIONS } from "../../src/store/migrations.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { createPgProxy } from "../support/pg-proxy.ts";
import { postgresTest } from "../support/postgres-test.ts";
import { createLoad, most } from "./budget-load.ts";

function open(url: string): Database {
  return openPostgres({ url, maxConnections: 4, connectTimeoutMs: 1_000, statementTimeoutMs: 1_000 });
}

async function createTables(url: string): Promise<void> {
  await using database = open(url);
  await database.query(`CREATE SCHEMA ${SCHEMA}`);
  for (const { sql } of MIGRATIONS) await database.query(sql);
}

const limiterOf = (database: Database) =>
  createRateLimiter(
    { rate: 50, concurrency: 64 },
    systemClock,
    createBudget(database, { account: "default", replicas: () => 2 }),
  );

describe("createRateLimiter() with a budget in PostgreSQL", () => {
  postgresTest("keeps the rate over two replicas, and lets callers pass background work", async ({ databaseUrl }) => {
    await createTables(databaseUrl);
    await using one = open(databaseUrl);
    await using other = open(databaseUrl);
    const { sentAt, waits } = await createLoad([limiterOf(one), limiterOf(other)]).run(2_500);
    expect(most(sentAt, 1_000)).toBeLessThanOrEqual(50);
    expect(most(sentAt, 1_000)).toBeGreaterThan(20);
    // Behind the background work they would wait until the end.
    expect(waits.toSorted((one, other) => one - other)[Math.floor(waits.length * 0.8)]).toBeLessThan(1_000);
  }, 30_000);

  postgresTest("keeps the rate while the database comes and goes", async ({ databaseUrl }) => {
    await createTables(databaseUrl);
    await using proxy = await createPgProxy(databaseUrl);
    await using one = open(proxy.through(databaseUrl));
    await using other = open(proxy.through(databaseUrl));
    const load = createLoad([limiterOf(one), limiterOf(other)]);
    const running = load.run(5_000);
    const elapse = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    await elapse(1_000);
    await proxy.refuse();
    proxy.cut();
    await elapse(2_500);
    const sentWithout = load.sentSince(1_000);
    await proxy.accept();
    const { sentAt, waits } = await running;
    expect(most(sentAt, 1_000)).toBeLessThanOrEqual(50);
    expect(sentWithout).toBeGreaterThan(10);
    expect(Math.max(...waits)).toBeLessThan(2_400);
  }, 30_000);

  postgresTest("delays one call by a second when the database hangs, and no other", async ({ databaseUrl }) => {
    await createTables(databaseUrl);
    await using proxy = await createPgProxy(databaseUrl);
    await using database = open(proxy.through(databaseUrl));
    const limiter = limiterOf(database);
    /** Sends all that it has booked, and returns how many milliseconds it waited for that. */
    const call = () => {
      const queuedAt = performance.now();
      return limiter.run("a", new AbortController().signal, 1, (permit) => {
        permit.use();
        return Promise.resolve(performance.now() - queuedAt);
      });
    };
    expect(await call()).toBeLessThan(3_000);
    proxy.blackHole();
    const first = await call();
    expect(first).toBeGreaterThan(900);
    expect(first).toBeLessThan(3_000);
    for (let index = 0; index < 5; index++) expect(await call()).toBeLessThan(800);
    proxy.release();
    limiter.close();
  }, 30_000);
});
