import type { Logger } from "@logtape/logtape";
import { watchFiles } from "../auth/watch-files.ts";
import { type AccountsReading, hostsOf, secretsOf, webhookErrors } from "../config/accounts.ts";
import type { Config } from "../config/read.ts";
import { readTextFile } from "../util/text-file.ts";
import type { AppAccounts } from "./accounts.ts";
import type { Dependencies } from "./dependencies.ts";

export interface ReloadOptions {
  /** That of the start, whose hosts the service may connect to. */
  readonly config: Config;
  readonly dependencies: Pick<Dependencies, "readAccounts" | "redact">;
  readonly accounts: AppAccounts;
  readonly logger: Logger;
}

/**
 * Reads the accounts again when a file that they were read from changes, and takes them over unless there is a problem.
 * Returns undefined where no file can change.
 */
export function reloadAccounts({ config, dependencies, accounts, logger }: ReloadOptions): Disposable | undefined {
  const { readAccounts: read, redact } = dependencies;
  if (!read || config.accountFiles.length === 0) return undefined;
  const hosts = new Set(hostsOf(config.accounts).values());
  const hadWebhook = [...config.accounts.values()].some(({ webhook }) => webhook !== undefined);
  let files: readonly string[] = [];

  const apply = (): void => {
    const reading = read();
    files = reading.files;
    const problems = [
      ...reading.problems,
      ...newHosts(reading, hosts),
      ...webhookErrors(reading.accounts, config.webhooks.allowPrivate),
      ...(hadWebhook ? [] : firstWebhooks(reading)),
    ];
    for (const problem of problems) {
      logger.error("Cannot use the changed accounts, keeping the previous ones: {problem}", { problem });
    }
    if (problems.length > 0) return;
    redact(secretsOf(reading.accounts));
    accounts.update(reading.accounts);
  };

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

/** Without a webhook at the start, the process has not the permission for other hosts. */
function firstWebhooks({ accounts }: AccountsReading): string[] {
  return [...accounts.values()].filter(({ webhook }) => webhook !== undefined).map(({ name }) =>
    `DAXPAY_ACCOUNTS_FILE: ${name}.webhook_url: expected none, as in all accounts at the start, got one; restart the service`
  );
}

function textOf(path: string): string {
  try {
    return readTextFile(path);
  } catch (error) {
    return `cannot be read: ${(error as Error).message}`;
  }
}
