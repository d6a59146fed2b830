import type { Database } from "../../src/store/database.ts";
import { openTestDatabase } from "../support/test-database.ts";
import { applyTables } from "../support/tables.ts";

/** A row of `refund` by its columns; the others have their defaults. */
export type RefundColumns = Readonly<Record<string, unknown>>;

/** A database whose tables are empty but for one merchant. */
export async function openDatabase(database?: Database): Promise<Database> {
  database ??= await openTestDatabase();
  await applyTables(database);
  await database.query("INSERT INTO merchant (server, mch_no) VALUES ('http://daxpay.test/', 'M1')");
  return database;
}

/** Inserts tracked refunds of the first merchant. */
export async function insertRefunds(database: Database, rows: readonly RefundColumns[]): Promise<void> {
  for (const row of rows) {
    const columns: RefundColumns = {
      merchant_id: 1,
      account: "default",
      app_id: "A1",
      tracking_state: "ACTIVE",
      labels: {},
      tracked_at: new Date(),
      expires_at: new Date(),
      ...row,
    };
    const names = Object.keys(columns);
    await database.query(
      `INSERT INTO refund (${names.join(", ")}) VALUES (${names.map((_, index) => `$${index + 1}`).join(", ")})`,
      Object.values(columns),
    );
  }
}
