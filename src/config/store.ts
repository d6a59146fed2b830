import { X509Certificate } from "node:crypto";
import { isLocal, isSocket, parseDatabaseUrl } from "../util/database-url.ts";
import { checkNames } from "./names.ts";
import { type ConfigSource, isComplete, readValues } from "./values.ts";
import type { Away, CompleteValues, Name, Values } from "./variables.ts";

/** How to connect to the database. */
export interface DatabaseConfig {
  /** A valid postgres: URL, with the password. */
  readonly url: string;
  /** Whether the connection is encrypted and the server's certificate verified. */
  readonly tls: boolean;
  /** PEM of the CAs that may have signed that certificate; undefined: the system's. */
  readonly ca: string | undefined;
  readonly maxConnections: number;
  /** Milliseconds until a connection must be open. */
  readonly connectTimeoutMs: number;
  /** Milliseconds that one statement may take. */
  readonly statementTimeoutMs: number;
}

/** What the service stores, and where. */
export interface StoreConfig extends DatabaseConfig {
  /** Key of the HMAC that chains the journal's rows. */
  readonly journalKey: string;
  /** What is done on 3.x while the database is unavailable. */
  readonly away: Away;
  /** Milliseconds after which final refunds and journal rows are deleted; undefined: never. */
  readonly retentionMs: number | undefined;
}

/** The variables that describe the connection. */
export const DATABASE_NAMES = [
  "DATABASE_URL",
  "DATABASE_TLS",
  "DATABASE_CA_FILE",
  "DATABASE_MAX_CONNECTIONS",
  "DATABASE_CONNECT_TIMEOUT_MS",
  "DATABASE_TIMEOUT_MS",
] as const satisfies readonly Name[];
type DatabaseName = typeof DATABASE_NAMES[number];
export type StoreName = DatabaseName | "STORE_JOURNAL_KEY" | "STORE_AWAY" | "STORE_RETENTION";

export type DatabaseResult =
  | { readonly kind: "valid"; readonly database: DatabaseConfig; readonly warnings: readonly string[] }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/** Reads the variables of the connection alone, which commands of the database need. */
export function readDatabase(source: ConfigSource): DatabaseResult {
  const label = (name: string, asFile: boolean) => asFile ? `${name}_FILE` : name;
  const { values, invalid, problems } = readValues(DATABASE_NAMES, source, { label, acceptUntypedSecrets: false });
  const names = checkNames(source.names?.() ?? []);
  const ca = readCa(values.DATABASE_CA_FILE, source);
  const all = [...problems, ...databaseErrors(values), ...ca.problems, ...names.problems];
  if (values.DATABASE_URL === undefined && !invalid.has("DATABASE_URL")) {
    all.unshift("DATABASE_URL: expected the URL of a PostgreSQL database, got nothing");
  }
  if (all.length > 0 || !isComplete(DATABASE_NAMES, values) || values.DATABASE_URL === undefined) {
    return { kind: "invalid", problems: all };
  }
  return { kind: "valid", database: databaseFrom(values, values.DATABASE_URL, ca.pem), warnings: names.warnings };
}

/** What the commands of the journal need. */
export interface JournalConfig {
  readonly database: DatabaseConfig;
  readonly journalKey: string;
  /** See StoreConfig. */
  readonly retentionMs: number | undefined;
}

export type JournalResult =
  | { readonly kind: "valid"; readonly journal: JournalConfig; readonly warnings: readonly string[] }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/** Reads the variables of the connection and of the journal alone. */
export function readJournal(source: ConfigSource): JournalResult {
  const result = readDatabase(source);
  const label = (name: string, asFile: boolean) => asFile ? `${name}_FILE` : name;
  const { values, invalid, problems } = readValues(["STORE_JOURNAL_KEY", "STORE_RETENTION"], source, {
    label,
    acceptUntypedSecrets: false,
  });
  const { STORE_JOURNAL_KEY: journalKey, STORE_RETENTION: retentionMs } = values;
  const all = [...(result.kind === "invalid" ? result.problems : []), ...problems];
  if (journalKey === undefined && !invalid.has("STORE_JOURNAL_KEY")) {
    all.push("STORE_JOURNAL_KEY: expected the key that the service has, got nothing");
  }
  if (result.kind === "invalid" || journalKey === undefined || all.length > 0) {
    return { kind: "invalid", problems: all };
  }
  return {
    kind: "valid",
    journal: { database: result.database, journalKey, retentionMs },
    warnings: result.warnings,
  };
}

/** Problems of the store's variables with each other. */
export function storeErrors(values: Values<StoreName>, invalid: ReadonlySet<string>): string[] {
  const { DATABASE_URL: url, STORE_JOURNAL_KEY: key } = values;
  return [
    ...databaseErrors(values),
    ...(url !== undefined && key === undefined && !invalid.has("STORE_JOURNAL_KEY")
      ? ["STORE_JOURNAL_KEY: expected a value because DATABASE_URL has one, got nothing"]
      : []),
  ];
}

function databaseErrors(values: Values<DatabaseName>): string[] {
  const { DATABASE_URL: url, DATABASE_TLS: tls, DATABASE_CA_FILE: caFile } = values;
  if (url === undefined) return [];
  const address = parseDatabaseUrl(url);
  if (tls === "off") {
    return [
      ...(address.requiresTls ? ["DATABASE_TLS: expected require because DATABASE_URL has an sslmode, got off"] : []),
      ...(caFile ? ["DATABASE_CA_FILE: expected no value together with DATABASE_TLS=off, got one"] : []),
    ];
  }
  if (!isSocket(address)) return [];
  return [
    ...(address.requiresTls ? ["DATABASE_URL: expected no sslmode for a Unix socket, got one"] : []),
    ...(tls ? ["DATABASE_TLS: expected off or no value for a Unix socket, got require"] : []),
    ...(caFile ? ["DATABASE_CA_FILE: expected no value for a Unix socket, got one"] : []),
  ];
}

/** The CAs, without what else is in their file. */
export function readCa(
  path: string | undefined,
  { readFile }: Pick<ConfigSource, "readFile">,
): { readonly pem: string | undefined; readonly problems: readonly string[] } {
  if (path === undefined) return { pem: undefined, problems: [] };
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    return { pem: undefined, problems: [`DATABASE_CA_FILE: cannot read "${path}": ${(error as Error).message}`] };
  }
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? [];
  const valid = blocks.length > 0 && blocks.every(isCertificate);
  const got = blocks.length > 0 ? "a damaged one" : "none";
  return {
    pem: blocks.map((block) => `${block}\n`).join(""),
    problems: valid ? [] : [`DATABASE_CA_FILE: expected certificates in PEM in "${path}", got ${got}`],
  };
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}

/** The store; undefined without a database. */
export function storeFrom(values: CompleteValues<StoreName>, ca: string | undefined): StoreConfig | undefined {
  const { DATABASE_URL: url, STORE_JOURNAL_KEY: journalKey } = values;
  if (url === undefined || journalKey === undefined) return undefined;
  return {
    ...databaseFrom(values, url, ca),
    journalKey,
    away: values.STORE_AWAY,
    retentionMs: values.STORE_RETENTION,
  };
}

function databaseFrom(values: CompleteValues<DatabaseName>, url: string, ca: string | undefined): DatabaseConfig {
  const address = parseDatabaseUrl(url);
  const required = values.DATABASE_TLS === "require" || address.requiresTls || ca !== undefined;
  return {
    url,
    tls: required || (values.DATABASE_TLS !== "off" && !isLocal(address)),
    ca,
    maxConnections: values.DATABASE_MAX_CONNECTIONS,
    connectTimeoutMs: values.DATABASE_CONNECT_TIMEOUT_MS,
    statementTimeoutMs: values.DATABASE_TIMEOUT_MS,
  };
}

/** Whether a database is configured, valid or not. */
export function hasDatabase({ env }: Pick<ConfigSource, "env">): boolean {
  return Boolean(env("DATABASE_URL") || env("DATABASE_URL_FILE"));
}

/** Texts that must not be shown. */
export function secretsOfStore(store: StoreConfig | undefined): string[] {
  if (!store) return [];
  const { password } = parseDatabaseUrl(store.url);
  // In the URL the password may be percent-encoded.
  const [, encoded] = /^[^/]*\/\/[^/?#:]*:([^/?#@]*)@/.exec(store.url) ?? [];
  const texts = [store.url, password ?? "", encoded ?? "", store.journalKey];
  return [...new Set(texts)].filter((text) => text !== "");
}
