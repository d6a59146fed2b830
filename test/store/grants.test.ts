import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { checkStore } from "../../src/store/check.ts";
import type { Database } from "../../src/store/database.ts";
import { createStoreGuard, readStoreId } from "../../src/store/identity.ts";
import { createJournal } from "../../src/store/journal.ts";
import { migrate } from "../../src/store/migrate.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { pruneAllRefunds, pruneJournal } from "../../src/store/prune.ts";
import { startQueue } from "../../src/store/queue.ts";
import { verifyJournal } from "../../src/store/verify.ts";
import { findPostgres, type Postgres, startPostgres } from "../support/postgres.ts";

const ROLES = readFileSync(path.resolve(import.meta.dirname ?? "", "../../deploy/roles.sql"), "utf8");
const PASSWORD = "password";
const DATABASE = "refunds";

type Role = "owner" | "service" | "prune";

interface Roles {
  readonly postgres: Postgres;
  readonly as: (role: Role) => Database;
}

const withRoles = test.extend<{ readonly roles: Roles }>({
  roles: [
    // deno-lint-ignore no-empty-pattern -- vitest reads which fixtures a fixture needs from its first parameter.
    async ({}, use) => {
      await using postgres = await startPostgres();
      // Not a superuser, as on a managed server.
      await postgres.query(`CREATE ROLE administrator LOGIN CREATEROLE PASSWORD '${PASSWORD}'`);
      await postgres.query(`CREATE DATABASE ${DATABASE} OWNER administrator`);
      await using stack = new AsyncDisposableStack();
      const open = (user: string) =>
        stack.use(openPostgres({
          url: postgres.url(DATABASE, user, PASSWORD),
          maxConnections: 4,
          connectTimeoutMs: 5_000,
          statementTimeoutMs: 10_000,
        }));
      const administrator = open("administrator");
      await administrator.query(ROLES);
      // A second time changes nothing.
      await administrator.query(ROLES);
      const opened = {} as Record<Role, Database>;
      for (const role of ["owner", "service", "prune"] as const) {
        await administrator.query(`ALTER ROLE refundsync_${role} PASSWORD '${PASSWORD}'`);
        opened[role] = open(`refundsync_${role}`);
      }
      // Both at once: one waits for the other.
      const runs = await Promise.all([migrate(opened.owner), migrate(opened.owner)]);
      expect(runs.map(({ applied }) => applied.length).sort()).toEqual([0, expect.any(Number)]);
      expect(new Set(runs.map(({ storeId }) => storeId)).size).toBe(1);
      await use({ postgres, as: (role) => opened[role] });
    },
    { scope: "file" },
  ],
}).skipIf(!findPostgres());

const KEY = "k".repeat(32);

/** Appends one row as the service does. */
async function append(service: Database): Promise<void> {
  const journal = createJournal({ database: service, key: KEY, guard: createStoreGuard(await readStoreId(service)) });
  const entry = { account: "default", refundId: 1, kind: "TRACKED", body: "{}" };
  await service.transaction((tx) => journal.append(tx, [entry]));
}

withRoles("the service may append to the journal, not change it (needs PostgreSQL)", async ({ roles }) => {
  const service = roles.as("service");
  await append(service);
  await append(service);
  expect(await verifyJournal(service, KEY)).toMatchObject({ kind: "intact", rows: 2 });
  for (
    const statement of [
      "UPDATE journal SET kind = 'FINAL'",
      "DELETE FROM journal",
      "TRUNCATE journal",
      "UPDATE journal_checkpoint SET seq = 1",
      "DELETE FROM journal_checkpoint",
      "DELETE FROM identity",
      "UPDATE identity SET adopted_at = now()",
      "INSERT INTO migration (name) VALUES ('9999')",
      "DROP TABLE refund",
      "CREATE TABLE refundsync.other (a int)",
      "CREATE SCHEMA other",
    ]
  ) await expect(service.query(statement), statement).rejects.toThrow(/permission denied|must be owner/);
});

withRoles(
  "the service may use every other table, and starts on this database (needs PostgreSQL)",
  async ({ roles }) => {
    const service = roles.as("service");
    await checkStore(service);
    const tables = await service.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'refundsync'::regnamespace
       AND NOT has_table_privilege(oid, 'UPDATE') ORDER BY 1`,
    );
    expect(tables.map(({ name }) => name)).toEqual(["identity", "journal", "journal_checkpoint", "migration"]);
    const [{ id }] = await service.query<{ id: number }>(
      "INSERT INTO merchant (server, mch_no) VALUES ('http://daxpay', 'M') RETURNING id",
    );
    await service.query("UPDATE merchant SET mch_no = 'N' WHERE id = $1", [id]);
    await service.query("DELETE FROM merchant WHERE id = $1", [id]);
  },
);

withRoles("the service's queue works without owning its tables (needs PostgreSQL)", async ({ roles }) => {
  const errors: Error[] = [];
  const boss = await startQueue(roles.as("service"), { onError: (error) => errors.push(error) });
  try {
    await boss.send("refund", { id: 1 }, { singletonKey: "1" });
    await boss.send("refund", { id: 2 }, { singletonKey: "2", startAfter: 60 });
    const [job, ...others] = await boss.fetch<{ id: number }>("refund", { batchSize: 10 });
    expect([job.data, others]).toEqual([{ id: 1 }, []]);
    await boss.touch("refund", job.id);
    await boss.complete("refund", job.id);
    await boss.supervise();
    await boss.supervise("refund");
    expect(await boss.getQueueStats("refund")).toMatchObject([{ name: "refund", totalCount: 2 }]);
    await boss.deleteJob("refund", job.id);
  } finally {
    await boss.stop({ graceful: false });
  }
  expect(errors).toEqual([]);
});

withRoles(
  "pruning may only delete from the journal, replace its checkpoint and prune refunds (needs PostgreSQL)",
  async ({ roles }) => {
    const prune = roles.as("prune");
    await append(roles.as("service"));
    // All rows are older than a time that is to come.
    expect(await pruneJournal(prune, KEY, -3_600_000)).toBeGreaterThan(0);
    expect(await verifyJournal(prune, KEY)).toMatchObject({ kind: "intact", rows: 0 });
    expect(await pruneAllRefunds(prune, 3_600_000)).toEqual({ deleted: 0, cleared: 0 });
    for (
      const statement of [
        "UPDATE journal SET kind = 'FINAL'",
        "INSERT INTO journal SELECT * FROM journal",
        "UPDATE journal_checkpoint SET seq = 1",
        "INSERT INTO refund (account) VALUES ('default')",
        "SELECT * FROM merchant",
        "SELECT * FROM pgboss.job",
      ]
    ) await expect(prune.query(statement), statement).rejects.toThrow(/permission denied/);
  },
);

withRoles("migrate() restores the rights of each role (needs PostgreSQL)", async ({ roles }) => {
  await roles.as("owner").query("GRANT ALL ON journal TO refundsync_service");
  await roles.as("owner").query("REVOKE ALL ON refund FROM refundsync_service");
  await migrate(roles.as("owner"));
  await expect(roles.as("service").query("DELETE FROM journal")).rejects.toThrow(/permission denied/);
  await roles.as("service").query("DELETE FROM refund");
});

withRoles("no other role may connect (needs PostgreSQL)", async ({ roles }) => {
  await roles.postgres.query(`CREATE ROLE stranger LOGIN PASSWORD '${PASSWORD}'`);
  await using stranger = openPostgres({
    url: roles.postgres.url(DATABASE, "stranger", PASSWORD),
    maxConnections: 1,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 5_000,
  });
  await expect(stranger.query("SELECT 1")).rejects.toThrow(/permission denied for database/);
});
