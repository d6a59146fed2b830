import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/refund/clock.ts";
import { createRateLimiter } from "../../src/refund/rate-limiter.ts";
import type { Booking, SharedBudget } from "../../src/refund/shared-budget.ts";
import { createBudget } from "../../src/tracking/budget.ts";
import { type Database, SCHEMA, StoreUnavailableError } from "../../src/store/database.ts";
import { openTestDatabase } from "../support/test-database.ts";
import { MIGRATIONS } from "../../src/store/migrations.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { createLoad, most } from "./budget-load.ts";

let database: Database;
beforeAll(async () => {
  database = await openTestDatabase();
  await database.query(`CREATE SCHEMA ${SCHEMA}`);
  for (const { sql } of MIGRATIONS) await database.query(sql);
}, 60_000);
afterAll(() => database[Symbol.asyncDispose]());

const limit = { capacity: 10, backgroundCapacity: 8, windowMs: 1_000 };
const empty: Booking = {
  limit,
  sinceLastMs: undefined,
  held: 0,
  sentAgoMs: [],
  unusedBackground: 0,
  callers: [],
  background: [],
  pauseMs: 0,
};
let accounts = 0;

/** The budget of a new account, and its row. */
function start() {
  const account = `account ${accounts++}`;
  const budget: SharedBudget = createBudget(database, { account, replicas: () => 2 });
  const book = (holder: string, booking: Partial<Booking>) => budget.book(holder, { ...empty, ...booking });
  /** Lets all that is recorded be this many milliseconds older, as if the database's clock were set; negative: back. */
  const age = (ms: number) =>
    database.query(
      `UPDATE budget SET paused_until = paused_until - $2, background_from = background_from - $2,
        sent_until = ARRAY(SELECT until - $2 FROM unnest(sent_until) AS until),
        held_until = ARRAY(SELECT until - $2 FROM unnest(held_until) AS until) WHERE account = $1`,
      [account, ms],
    );
  const entries = () =>
    database.query<{ sent: number[]; held: number[] }>(
      "SELECT sent_count AS sent, held_count AS held FROM budget WHERE account = $1",
      [account],
    );
  return { account, budget, book, age, entries };
}

describe("createBudget().book()", () => {
  test("grants whole jobs in order, over all holders together", async () => {
    const { book } = start();
    expect(await book("a", { callers: [2, 2, 2, 2] })).toMatchObject({ callers: 8, callersInMs: 0 });
    expect(await book("b", { callers: [1, 2, 1] })).toMatchObject({ callers: 1, callersInMs: 10 });
    // What a holder says replaces what was known of it.
    expect(await book("a", { held: 7, callers: [2] })).toMatchObject({ callers: 2 });
    expect(await book("b", { held: 0, callers: [1, 1] })).toMatchObject({ callers: 1 });
  });

  test("counts a request for a window from when it was sent", async () => {
    const { book, age } = start();
    const { callersInMs } = await book("a", { sentAgoMs: [...Array(9).fill(400), 900, 2_000], callers: [2, 2] });
    // 900 and one of those of 400 ms ago.
    expect(callersInMs).toBeGreaterThan(550);
    expect(callersInMs).toBeLessThanOrEqual(610);
    await age(110);
    expect(await book("a", { callers: [1] })).toMatchObject({ callers: 1 });
    await age(500);
    expect(await book("b", { callers: [9] })).toMatchObject({ callers: 9 });
  });

  test("keeps few entries, however many requests were sent", async () => {
    const { book, entries } = start();
    const many = { ...limit, capacity: 1_000_000 };
    await book("a", { limit: many, sentAgoMs: Array.from({ length: 5_000 }, (_, index) => index / 5) });
    await book("b", { limit: many, sentAgoMs: Array.from({ length: 5_000 }, (_, index) => index / 5) });
    const [{ sent }] = await entries();
    expect(sent.length).toBeLessThanOrEqual(101);
    expect(sent.reduce((sum, count) => sum + count)).toBeGreaterThan(9_000);
  });

  test("lets background work fill its part, when every job of callers got its requests", async () => {
    const { book, age } = start();
    expect(await book("a", { callers: [2], background: [2] })).toMatchObject({ callers: 2, background: 2 });
    expect(await book("b", { callers: [4] })).toMatchObject({ callers: 4 });
    await age(1_000);
    expect(await book("b", { held: 4, background: [1] })).toMatchObject({ background: 0, backgroundInMs: 25 });
    expect(await book("b", { held: 4, callers: [2, 1], background: [1] })).toMatchObject({ callers: 2, background: 0 });
  });

  test("spreads the requests of background work over the window", async () => {
    const { book, age } = start();
    // One request in 125 ms; it may catch up with 100 ms.
    const first = await book("a", { background: [2, 2] });
    expect(first.background).toBe(2);
    expect(first.backgroundInMs).toBe(150);
    await age(150);
    const second = await book("a", { background: [2, 2] });
    expect(second.background).toBe(2);
    expect(second.backgroundInMs).toBeGreaterThan(150);
    expect(second.backgroundInMs).toBeLessThanOrEqual(250);
    expect(await book("b", { background: [2] })).toMatchObject({ background: 0 });
    // What it has not sent does not count.
    expect(await book("a", { unusedBackground: 2, background: [2] })).toMatchObject({ background: 2 });
  });

  test("gives back what a replica held that is gone for 20 s", async () => {
    const { book, age } = start();
    await book("gone", { callers: [5, 5] });
    await age(19_000);
    expect(await book("a", { callers: [1] })).toMatchObject({ callers: 0 });
    await age(1_001);
    expect(await book("a", { callers: [5, 5] })).toMatchObject({ callers: 10 });
  });

  test("blocks nothing for longer than usual after the clock was set back by 15 minutes", async () => {
    const { book, age, entries } = start();
    await book("gone", { callers: [5], sentAgoMs: [0, 0, 0], pauseMs: 5_000 });
    await age(-5_000);
    await book("gone", { held: 0, callers: [] });
    await book("held", { held: 5, background: [] });
    await age(-15 * 60_000);
    const paused = await book("a", { callers: [1] });
    expect(paused).toMatchObject({ callers: 0 });
    expect(paused.pausedMs).toBeLessThanOrEqual(10_000);
    expect(paused.pausedMs).toBeGreaterThan(9_000);
    await age(10_001);
    expect(await book("a", { callers: [5, 5] })).toMatchObject({ callers: 5 });
    await book("a", {});
    await age(10_000);
    expect(await book("a", { callers: [5, 5] })).toMatchObject({ callers: 10 });
    expect(await entries()).toEqual([{ sent: [], held: [10] }]);
  });

  test("counts everything on after the clock was set forward", async () => {
    const { book, age } = start();
    await book("a", { callers: [2] });
    await book("b", { callers: [2, 2] });
    await book("a", { sinceLastMs: 1, held: 0, sentAgoMs: [0, 0], background: [1] });
    await age(15 * 60_000);
    expect(await book("a", { sinceLastMs: 10, held: 0, callers: [2, 2, 2] })).toMatchObject({ callers: 4 });
    expect(await book("b", { sinceLastMs: 20, held: 0, callers: [2, 2, 2] })).toMatchObject({ callers: 4 });
    // As time passes it no longer does.
    await age(1_500);
    expect(await book("a", { sinceLastMs: 1_510, held: 0, callers: [2, 2, 2, 2] })).toMatchObject({ callers: 6 });
    await book("a", { sinceLastMs: 0, pauseMs: 5_000 });
    await age(15 * 60_000);
    expect((await book("a", { sinceLastMs: 0 })).pausedMs).toBeGreaterThan(4_000);
  });

  test("does not pause after the clock was set back where there was no pause, or it was over", async () => {
    const { book, age } = start();
    await book("a", { callers: [1] });
    await age(-15 * 60_000);
    expect(await book("a", { callers: [1] })).toMatchObject({ callers: 1, pausedMs: 0 });
    await book("a", { pauseMs: 1_000 });
    await age(2_000);
    await book("a", { callers: [1] });
    await age(-15 * 60_000);
    expect(await book("a", { callers: [1] })).toMatchObject({ callers: 1, pausedMs: 0 });
  });

  test("spreads background work as before after the clock was set back", async () => {
    const { book, age } = start();
    await book("a", { background: [1] });
    await age(-15 * 60_000);
    const { backgroundInMs } = await book("a", { background: [1] });
    expect(backgroundInMs).toBeLessThanOrEqual(1_000);
  });

  test("grants nothing to anyone during a pause, of which the longest counts, 10 s at most", async () => {
    const { book } = start();
    await book("a", { pauseMs: 3_000 });
    await book("b", { pauseMs: 1_000 });
    const { pausedMs, ...granted } = await book("b", { callers: [1], background: [1] });
    expect(granted).toMatchObject({ callers: 0, background: 0 });
    expect(pausedMs).toBeGreaterThan(2_000);
    expect((await book("a", { pauseMs: 60_000 })).pausedMs).toBeLessThanOrEqual(10_000);
  });

  test("books for each account on its own", async () => {
    const [one, other] = [start(), start()];
    await one.book("a", { callers: [5, 5] });
    expect(await other.book("a", { callers: [5, 5] })).toMatchObject({ callers: 10 });
  });

  test("throws a StoreUnavailableError where there is no database", async () => {
    await using away = openPostgres({
      url: "postgres://nobody@127.0.0.1:1/none",
      maxConnections: 1,
      connectTimeoutMs: 1_000,
      statementTimeoutMs: 1_000,
    });
    const budget = createBudget(away, { account: "a", replicas: () => 1 });
    await expect(budget.book("a", empty)).rejects.toThrow(StoreUnavailableError);
  });
});

describe("createRateLimiter() with a budget in the database", () => {
  test("keeps the rate over two replicas, and lets callers pass background work", async () => {
    const { budget } = start();
    const limiters = [0, 1].map(() => createRateLimiter({ rate: 50, concurrency: 64 }, systemClock, budget));
    const { sentAt, waits } = await createLoad(limiters).run(2_500);
    expect(most(sentAt, 1_000)).toBeLessThanOrEqual(50);
    // As much as background work may use, less what jobs hold and do not send.
    expect(most(sentAt, 1_000)).toBeGreaterThan(20);
    // A few calls only, and this machine may be busy.
    expect(waits.toSorted((one, other) => one - other)[Math.floor(waits.length * 0.8)]).toBeLessThan(1_000);
  }, 20_000);
});
