import process from "node:process";
import { describe, expect, test } from "vitest";
import { connectionConfig, openPostgres, type PostgresOptions } from "../../src/store/postgres.ts";
import { createAuthority } from "../support/authority.ts";
import { findPostgres, startPostgres } from "../support/postgres.ts";
import { postgresTest } from "../support/postgres-test.ts";

const OPTIONS = { maxConnections: 1, connectTimeoutMs: 3_000, statementTimeoutMs: 5_000 };

/** Opens, queries once, and returns whether the connection is encrypted. */
async function isEncrypted(options: Pick<PostgresOptions, "url" | "tls" | "ca">): Promise<boolean> {
  await using database = openPostgres({ ...OPTIONS, ...options });
  const [{ ssl }] = await database.query<{ ssl: boolean }>("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
  return ssl;
}

describe("connectionConfig()", () => {
  test.each<[string, Partial<PostgresOptions>, boolean]>([
    ["db.example", {}, true],
    ["db.example", { tls: false }, false],
    ["127.0.0.1", {}, false],
    ["127.0.0.1", { ca: "PEM" }, true],
    ["%2Frun", {}, false],
  ])("encrypts the connection to %s with %o: %s", (host, options, encrypted) => {
    const { ssl } = connectionConfig({ ...OPTIONS, url: `postgres://u@${host}/d`, ...options });
    expect(ssl).toEqual(encrypted ? { ca: options.ca, rejectUnauthorized: true, minVersion: "TLSv1.2" } : false);
  });
});

describe("openPostgres()", () => {
  postgresTest("takes nothing from PG* variables", async ({ databaseUrl }) => {
    const others = {
      PGHOST: "nowhere.invalid",
      PGPORT: "1",
      PGUSER: "nobody",
      PGPASSWORD: "wrong",
      PGDATABASE: "none",
      PGOPTIONS: "-c search_path=nowhere",
      PGSSLMODE: "verify-full",
      PGSSLNEGOTIATION: "direct",
      PGCLIENT_ENCODING: "LATIN1",
      PGAPPNAME: "other",
      PGCONNECT_TIMEOUT: "1",
    };
    Object.assign(process.env, others);
    try {
      await using database = openPostgres({ ...OPTIONS, url: databaseUrl });
      expect(
        await database.query(
          "SELECT current_setting('search_path') AS path, current_setting('application_name') AS name, " +
            "current_setting('client_encoding') AS encoding",
        ),
      ).toEqual([{ path: "refundsync", name: "daxpay-refund-sync", encoding: "UTF8" }]);
    } finally {
      for (const name of Object.keys(others)) delete process.env[name];
    }
  });

  postgresTest("does not look for a password that the URL does not have", async ({ postgres }) => {
    process.env.PGPASSWORD = decodeURIComponent(new URL(postgres.url()).password);
    try {
      await expect(isEncrypted({ url: postgres.url().replace(/:[^:@]*@/, "@") })).rejects.toThrow(/password/);
    } finally {
      delete process.env.PGPASSWORD;
    }
  });

  postgresTest("has the server end a transaction soon whose client falls silent", async ({ databaseUrl }) => {
    await using database = openPostgres({ ...OPTIONS, url: databaseUrl });
    expect(await database.query("SHOW idle_in_transaction_session_timeout")).toEqual([
      { idle_in_transaction_session_timeout: "5s" },
    ]);
  });

  postgresTest("connects over the Unix socket", async ({ postgres }) => {
    const url = `postgres://postgres@/postgres?host=${postgres.folder}&port=${postgres.port}`;
    expect(await isEncrypted({ url })).toBe(false);
  });

  postgresTest("refuses a server without TLS where TLS is required", async ({ databaseUrl }) => {
    await expect(isEncrypted({ url: databaseUrl, tls: true })).rejects.toThrow(/does not support SSL/);
  });

  test.skipIf(!findPostgres())("verifies the certificate and its host (needs PostgreSQL)", async () => {
    await using postgres = await startPostgres({ tls: true, settings: { listen_addresses: "127.0.0.1,127.0.0.2" } });
    const ca = Deno.readTextFileSync(postgres.caFile ?? "");
    const url = postgres.url();
    expect(await isEncrypted({ url, ca })).toBe(true);
    expect(await isEncrypted({ url: url.replace("127.0.0.1", "localhost"), ca })).toBe(true);
    await expect(isEncrypted({ url: url.replace("127.0.0.1", "127.0.0.2"), ca })).rejects.toThrow(
      /NotValidForName|altname/i,
    );
    const { ca: another } = await createAuthority();
    await expect(isEncrypted({ url, ca: another })).rejects.toThrow(/certificate|issuer/i);
    await expect(isEncrypted({ url, tls: true })).rejects.toThrow(/certificate|issuer/i);
    await expect(isEncrypted({ url })).rejects.toThrow(/no encryption/);
  });
});
