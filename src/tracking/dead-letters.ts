import type { JobWithMetadata, PgBoss } from "pg-boss";
import type { Database, Sql } from "../store/database.ts";
import { bossDatabase, sendInOrder } from "../store/queue.ts";
import type { DeadLetter, WebhookFailure, WebhookRow } from "./webhook.ts";

export const WEBHOOK_QUEUE = "webhook";
export const DEAD_QUEUE = "webhook-dead";
/** Jobs that are read, or moved in one transaction. */
const PAGE_SIZE = 500;

/** What a dead job holds: the row and why it was given up. */
interface DeadData extends WebhookRow {
  readonly attempts: number;
  readonly failure: WebhookFailure;
}

export interface DeadLetterFilter {
  readonly account?: string;
  readonly seq?: number;
}

export async function sendRows(boss: PgBoss, tx: Sql, rows: readonly WebhookRow[]): Promise<void> {
  const jobs = rows.map(({ seq, account, refundId }) => ({
    order: seq,
    key: String(refundId),
    group: account,
    data: { seq, account, refundId },
  }));
  await sendInOrder(boss, tx, WEBHOOK_QUEUE, jobs);
}

export async function addDeadLetter(boss: PgBoss, tx: Sql, data: DeadData): Promise<void> {
  await boss.insert(DEAD_QUEUE, [{ data }], { db: bossDatabase(tx) });
}

/** Dead letters, oldest first. */
export async function* listDeadLetters(boss: PgBoss, filter: DeadLetterFilter = {}): AsyncGenerator<DeadLetter> {
  let after: string | undefined;
  do {
    const jobs = await find(boss, filter, { after });
    for (const { data, createdOn } of jobs) {
      const { failure: { reason, message }, ...row } = data;
      yield { ...row, reason, message, diedAt: createdOn.getTime() };
    }
    after = jobs.length === PAGE_SIZE ? jobs.at(-1)?.id : undefined;
  } while (after !== undefined);
}

/** Queues dead letters again, with all their attempts. Returns the rows. */
export async function redeliver(
  database: Database,
  boss: PgBoss,
  filter: DeadLetterFilter = {},
): Promise<readonly WebhookRow[]> {
  const moved: WebhookRow[] = [];
  for (;;) {
    const rows = await database.transaction(async (tx) => {
      const jobs = await find(boss, filter, { tx });
      if (jobs.length === 0) return [];
      // Of two that redeliver the same, the second one waits here, and what it sends is queued already or delivered twice.
      await boss.deleteJob(DEAD_QUEUE, jobs.map(({ id }) => id), { db: bossDatabase(tx) });
      await sendRows(boss, tx, jobs.map(({ data }) => data));
      return jobs.map(({ data: { seq, account, refundId } }) => ({ seq, account, refundId }));
    });
    if (rows.length === 0) return moved;
    moved.push(...rows);
  }
}

function find(
  boss: PgBoss,
  { account, seq }: DeadLetterFilter,
  { after, tx }: { readonly after?: string; readonly tx?: Sql },
): Promise<JobWithMetadata<DeadData>[]> {
  const data = { ...(account === undefined ? {} : { account }), ...(seq === undefined ? {} : { seq }) };
  return boss.findJobs<DeadData>(DEAD_QUEUE, {
    data,
    limit: PAGE_SIZE,
    ...(after === undefined ? {} : { after }),
    ...(tx === undefined ? {} : { db: bossDatabase(tx) }),
  });
}
