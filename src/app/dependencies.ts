import { randomBytes } from "node:crypto";
import type { AccountsReading } from "../config/accounts.ts";
import { countFreeDescriptors } from "../http/descriptors.ts";
import { type Clock, systemClock } from "../refund/clock.ts";
import type { Database } from "../store/database.ts";

/** What the service takes from its surroundings. */
export interface Dependencies {
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  /** Generates a nonce of 32 characters. */
  readonly nonce: () => string;
  /** From 0 to below 1, for jitter. */
  readonly random: () => number;
  /** Log lines lost since the start. */
  readonly droppedLogLines: () => number;
  /** Reads the accounts again; without it, changes of their files have no effect. */
  readonly readAccounts: (() => AccountsReading) | undefined;
  /** Keeps texts out of the log. */
  readonly redact: (secrets: readonly string[]) => void;
  /** Opens an embedded database in place of the configured one, migrated; undefined: there is none. */
  readonly openDatabase: (() => Promise<Database>) | undefined;
  /** Counts the file descriptors that the process can still open, at most `max`. */
  readonly countFreeDescriptors: (max: number) => number;
}

/** Any file that the service may read. */
const CONSOLE_PAGE = new URL("../console/dist/index.html", import.meta.url);

export const DEFAULTS: Dependencies = {
  fetch: (...request) => fetch(...request),
  clock: systemClock,
  nonce: () => randomBytes(16).toString("hex"),
  random: Math.random,
  droppedLogLines: () => 0,
  readAccounts: undefined,
  redact: () => {},
  openDatabase: undefined,
  countFreeDescriptors: (max) => countFreeDescriptors(CONSOLE_PAGE, max),
};
