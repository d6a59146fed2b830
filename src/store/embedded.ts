import { PGlite } from "@electric-sql/pglite";
import { CHANNEL, type Database, SCHEMA, type Sql, storeError } from "./database.ts";
import { migrate } from "./migrate.ts";

const INT8 = 20;
/** Its default of 128 MB would be memory of this process, next to the files that it caches. */
const SETTINGS = ["shared_buffers = 16MB"];

/**
 * PostgreSQL in this process and in memory: for development, the demo and tests. Its data ends with it. Takes 2 to 4 s,
 * during which this process does nothing else, and 500 to 600 MB.
 */
export async function openEmbedded(): Promise<Database> {
  const pglite = await PGlite.create({ parsers: { [INT8]: Number }, postgresqlconf: SETTINGS });
  await pglite.exec(`SET search_path = ${SCHEMA}`);
  const sqlOf = (target: Pick<PGlite, "query" | "exec">): Sql => ({
    async query<R extends object>(text: string, values?: readonly unknown[]): Promise<R[]> {
      if (values) return (await target.query<R>(text, [...values])).rows;
      // Only this one takes several statements.
      return (await target.exec(text)).flatMap(({ rows }) => rows as R[]);
    },
  });
  const { query } = sqlOf(pglite);

  return {
    query: <R extends object>(text: string, values?: readonly unknown[]) => query<R>(text, values).catch(rethrow),
    transaction: (work) => pglite.transaction((tx) => work(sqlOf(tx))).catch(rethrow),
    listen(onNotify) {
      const listening = pglite.listen(CHANNEL, onNotify);
      return {
        async [Symbol.asyncDispose]() {
          await (await listening)();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await pglite.close();
    },
  };
}

/** The same with the service's tables. */
export async function openEmbeddedStore(): Promise<Database> {
  const database = await openEmbedded();
  await migrate(database);
  return database;
}

function rethrow(error: unknown): never {
  throw storeError(error);
}
