import type { Logger } from "@logtape/logtape";
import { watchFiles } from "../auth/watch-files.ts";
import { type AccountsReading, hostsOf, secretsOf } from "../config/accounts.ts";
import { readTextFile } from "../util/text-file.ts";
import type { AppAccounts } from "./accounts.ts";

export interface ReloadOptions {
  readonly read: () => AccountsReading;
  readonly accounts: AppAccounts;
  /** Hosts with their ports that the service may connect to. */
  readonly hosts: ReadonlySet<string>;
  /** Keeps texts out of the log. */
  readonly redact: (secrets: readonly string[]) => void;
  readonly logger: Logger;
}

/** Reads the accounts again when a file that they were read from changes, and takes them over unless there is a problem. */
export function reloadAccounts({ read, accounts, hosts, redact, logger }: ReloadOptions): Disposable {
  let files: readonly string[] = [];

  function apply(): void {
    const reading = read();
    files = reading.files;
    const problems = [...reading.problems, ...newHosts(reading, hosts)];
    for (const problem of problems) {
      logger.error("Cannot use the changed accounts, keeping the previous ones: {problem}", { problem });
    }
    if (problems.length > 0) return;
    redact(secretsOf(reading.accounts));
    accounts.update(reading.accounts);
  }

  // Whatever has changed since the start.
  apply();
  return watchFiles({
    read: () => files.map(textOf),
    last: files.map(textOf),
    onChange: apply,
    onFailure: (error) => logger.error("Cannot reload the accounts: {error}", { error: error.message }),
  });
}

/** The process was started with the permission for the hosts of that time. */
function newHosts({ accounts }: AccountsReading, hosts: ReadonlySet<string>): string[] {
  return [...hostsOf(accounts)].filter(([, host]) => !hosts.has(host)).map(([name, host]) =>
    `DAXPAY_ACCOUNTS_FILE: ${name}.url: expected a host that was configured at the start, got ${host}; restart the service`
  );
}

function textOf(path: string): string {
  try {
    return readTextFile(path);
  } catch (error) {
    return `cannot be read: ${(error as Error).message}`;
  }
}
