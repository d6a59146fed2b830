import type { JobWithMetadata, PgBoss } from "pg-boss";
import { type Clock, systemClock } from "../refund/clock.ts";
import type { Database } from "../store/database.ts";
import { bossDatabase, queueDepth } from "../store/queue.ts";
import type { AddressPolicy } from "../util/address-policy.ts";
import { addDeadLetter, DEAD_QUEUE, sendRows, WEBHOOK_QUEUE } from "./dead-letters.ts";
import type { TrackingEvent } from "./tracking.ts";
import type { WebhookEndpoint, WebhookEvent, WebhookFailure, WebhookRow, Webhooks } from "./webhook.ts";
import { type SerializeEvent, webhookMessage } from "./webhook-message.ts";
import { type LookupAddresses, lookupAddresses, postMessage } from "./webhook-request.ts";
import { delayWithRetryAfter, MAX_ATTEMPTS, retryDelayMs } from "./webhook-retry.ts";

export interface WebhooksOptions {
  readonly database: Database;
  readonly boss: PgBoss;
  /** The endpoint that an account has now; undefined for none. */
  readonly endpointOf: (account: string) => WebhookEndpoint | undefined;
  /** Reads the event of a row; undefined where it has been pruned. */
  readonly readEvent: (seq: number) => Promise<TrackingEvent | undefined>;
  readonly serialize: SerializeEvent;
  readonly policy: AddressPolicy;
  /** Milliseconds for one attempt, at most 30 s. */
  readonly timeoutMs: number;
  readonly onEvent: (event: WebhookEvent) => void;
  readonly clock?: Clock;
  readonly lookup?: LookupAddresses;
  readonly ca?: string;
  /** Milliseconds between looks for due events; the default is 1 s. */
  readonly pollMs?: number;
  /** Milliseconds after that many failed attempts. */
  readonly retryDelayMs?: (attempts: number) => number;
  readonly maxAttempts?: number;
  /** Attempts at once in this process; the default is 128. */
  readonly concurrency?: number;
  /** Attempts at once for one account, over all replicas, so that a slow receiver delays no other; the default is 16. */
  readonly accountConcurrency?: number;
}

type Job = JobWithMetadata<WebhookRow>;

/** Failures that no further attempt can mend, and whether this one was an attempt. */
const FINAL: ReadonlyMap<WebhookFailure["reason"], { readonly attempted: boolean }> = new Map([
  ["GONE", { attempted: true }],
  ["NOT_CONFIGURED", { attempted: false }],
  ["EVENT_MISSING", { attempted: false }],
]);

/** Creates the delivery of events to the endpoints of their accounts. It must be started. */
export function createWebhooks(options: WebhooksOptions): Webhooks {
  const { database, boss, endpointOf, readEvent, onEvent, clock = systemClock, pollMs = 1_000 } = options;
  const { concurrency = 128, accountConcurrency = 16, maxAttempts = MAX_ATTEMPTS } = options;
  const attempts = new Set<Promise<void>>();
  let stopped = false;
  let loop: Promise<void> | undefined;
  /** Whether the last look has failed: a database that is down for long is one event. */
  let failing = false;
  /** Whether somebody has called `wake` since the last look. */
  let woken = false;
  let endPause = () => {};

  function wake(): void {
    woken = true;
    endPause();
  }

  async function run(): Promise<void> {
    while (!stopped) {
      woken = false;
      const jobs = attempts.size < concurrency ? await fetchJobs(concurrency - attempts.size) : [];
      for (const job of jobs) {
        const attempt: Promise<void> = work(job).catch((error) => onEvent({ type: "error", error })).finally(() => {
          attempts.delete(attempt);
          wake();
        });
        attempts.add(attempt);
      }
      if (jobs.length === 0) await pause();
    }
  }

  async function fetchJobs(batchSize: number): Promise<Job[]> {
    try {
      const jobs = await boss.fetch<WebhookRow>(WEBHOOK_QUEUE, {
        batchSize,
        includeMetadata: true,
        groupConcurrency: accountConcurrency,
      });
      failing = false;
      return jobs;
    } catch (error) {
      if (!failing) onEvent({ type: "error", error });
      failing = true;
      return [];
    }
  }

  function pause(): Promise<void> {
    if (woken || stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = clock.after(pollMs, resolve);
      endPause = () => {
        cancel();
        resolve();
      };
    });
  }

  async function work(job: Job): Promise<void> {
    const { data: row, retryCount } = job;
    const attempt = retryCount + 1;
    const startedAt = clock.elapsed();
    const failure = await deliver(row);
    if (failure === undefined) {
      await boss.deleteJob(WEBHOOK_QUEUE, job);
      onEvent({ type: "delivered", row, ms: clock.elapsed() - startedAt, attempt });
    } else if (FINAL.has(failure.reason) || attempt >= maxAttempts) {
      if (await bury(job, failure)) onEvent({ type: "dead", row, failure, attempt });
    } else {
      const delayMs = delayWithRetryAfter((options.retryDelayMs ?? retryDelayMs)(attempt), failure.retryAfterMs);
      await retry(job, failure, delayMs);
      onEvent({ type: "failed", row, failure, attempt, delayMs });
    }
  }

  async function deliver({ account, seq }: WebhookRow): Promise<WebhookFailure | undefined> {
    const endpoint = endpointOf(account);
    if (!endpoint) return { reason: "NOT_CONFIGURED", message: "the account has no webhook" };
    const event = await readEvent(seq);
    if (!event) return { reason: "EVENT_MISSING", message: "the journal has been pruned" };
    let message;
    try {
      message = webhookMessage(event, endpoint, { serialize: options.serialize, now: clock.now() });
    } catch (error) {
      onEvent({ type: "error", error });
      return { reason: "INTERNAL", message: "the event cannot be written as JSON" };
    }
    return await postMessage(endpoint.url, message, {
      policy: options.policy,
      lookup: options.lookup ?? lookupAddresses,
      timeoutMs: options.timeoutMs,
      now: clock.now,
      ca: options.ca,
    });
  }

  async function retry(job: Job, { reason, message }: WebhookFailure, delayMs: number): Promise<void> {
    await database.transaction(async (tx) => {
      const db = bossDatabase(tx);
      if (!isAffected(await boss.fail(WEBHOOK_QUEUE, job, { reason, message }, { db }))) return;
      await boss.update(WEBHOOK_QUEUE, undefined, { id: job.id, startAfter: delayMs / 1000, db });
    });
  }

  /** Takes the job out of the queue, so that the refund's next event follows. */
  function bury(job: Job, failure: WebhookFailure): Promise<boolean> {
    const attempts = job.retryCount + (FINAL.get(failure.reason)?.attempted === false ? 0 : 1);
    return database.transaction(async (tx) => {
      if (!isAffected(await boss.deleteJob(WEBHOOK_QUEUE, job, { db: bossDatabase(tx) }))) return false;
      await addDeadLetter(boss, tx, { ...job.data, attempts, failure });
      return true;
    });
  }

  return {
    enqueue: (tx, rows) => sendRows(boss, tx, rows.filter(({ account }) => endpointOf(account) !== undefined)),
    start() {
      loop ??= run();
    },
    wake,
    async stats() {
      const [{ count, oldestMs }, dead] = await Promise.all([
        queueDepth(database, WEBHOOK_QUEUE),
        queueDepth(database, DEAD_QUEUE),
      ]);
      return { waiting: count, oldestMs, dead: dead.count };
    },
    async stop() {
      stopped = true;
      wake();
      await loop;
      await Promise.all(attempts);
    },
  };
}

/** Whether the attempt was still this process's. pg-boss's type of the result has no members. */
function isAffected(response: object): boolean {
  return "affected" in response && response.affected === 1;
}
