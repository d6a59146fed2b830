import { closestMatch } from "leven";
import { LineCounter, parseDocument } from "yaml";
import type { DaxPayOptions } from "../daxpay/client.ts";
import type { QueryMode } from "../refund/query-mode.ts";
import type { RateLimitOptions } from "../refund/rate-limiter.ts";
import { createAddressPolicy } from "../util/address-policy.ts";
import { hostPortOf } from "../util/url.ts";
import { accountErrors } from "./checks.ts";
import { hasDatabase } from "./store.ts";
import { type ConfigSource, isComplete, type ReadValues, readValues } from "./values.ts";
import { ACCOUNT_NAMES, type AccountName, type CompleteValues, type Variable, VARIABLES } from "./variables.ts";

/** One DaxPay application. */
export interface AccountConfig {
  readonly name: string;
  readonly daxpay: DaxPayOptions;
  readonly sync: SyncConfig;
  readonly rateLimit: RateLimitOptions;
  /** Where its events are delivered to. */
  readonly webhook: WebhookConfig | undefined;
  /** Texts by their keys in the accounts file, secrets included: what differs has changed. */
  readonly texts: ReadonlyMap<string, string>;
}

export interface WebhookConfig {
  readonly url: URL;
  readonly secret: string;
  readonly previousSecret: string | undefined;
}

export interface SyncConfig {
  readonly queryMode: QueryMode;
  /** Milliseconds for which a sync without a reply stays in doubt. */
  readonly settleTimeoutMs: number;
  readonly settleOnStart: boolean;
}

/** By name, in the order of the file. */
export type Accounts = ReadonlyMap<string, AccountConfig>;

/** All accounts, as far as they are valid, and all of their problems. */
export interface AccountsReading {
  readonly accounts: Accounts;
  /** One line each, without any secret. */
  readonly problems: readonly string[];
  /** Every file that was read or tried, by its path: the accounts file, secrets and keys. */
  readonly files: readonly string[];
}

/** The account that the variables define. */
export const DEFAULT_ACCOUNT = "default";
/** At most 63 letters, digits, "_", "-" and ".", the first one a letter or digit. */
export const ACCOUNT_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;
const NAME_RULE = 'at most 63 letters, digits, "_", "-" and ".", first a letter or digit';
const FILE = "DAXPAY_ACCOUNTS_FILE";

/** Keys of an account in the file, with the variables that they correspond to. */
const VARIABLES_BY_KEY: ReadonlyMap<string, string> = new Map(
  ACCOUNT_NAMES.map((name) => [VARIABLES[name].account, isSecret(name) ? `${name}_FILE` : name]),
);
const KEYS = [...VARIABLES_BY_KEY.keys()];

function isSecret(name: AccountName): boolean {
  const variable: Variable = VARIABLES[name];
  return variable.secret === true;
}

/** Reads the account of the variables, unless only the file defines accounts, and those of the file. */
export function readAccounts(source: ConfigSource, acceptUntypedSecrets = false): AccountsReading {
  const files: string[] = [];
  const recorded = {
    ...source,
    readFile(path: string) {
      files.push(path);
      return source.readFile(path);
    },
  };
  const accounts = new Map<string, AccountConfig>();
  const problems: string[] = [];
  const path = source.env(FILE) || undefined;
  const hasDefault = path === undefined ||
    ACCOUNT_NAMES.some((name) => source.env(name) || (isSecret(name) && source.env(`${name}_FILE`)));
  const add = (name: string, read: ReadValues<AccountName>, label: (name: AccountName) => string, prefix: string) => {
    problems.push(
      ...[...read.problems, ...accountErrors(read.values, read.invalid, label)].map((text) => prefix + text),
    );
    if (isComplete(ACCOUNT_NAMES, read.values)) {
      accounts.set(name, accountFrom(name, read.values, read.texts));
    }
  };
  if (hasDefault) {
    const label = (name: string, asFile = false) => asFile ? `${name}_FILE` : name;
    add(DEFAULT_ACCOUNT, readValues(ACCOUNT_NAMES, recorded, { label, acceptUntypedSecrets }), label, "");
  }
  if (path !== undefined) {
    const file = readFile(path, recorded);
    problems.push(...file.problems);
    for (const [name, settings] of file.accounts) {
      if (name === DEFAULT_ACCOUNT && hasDefault) {
        problems.push(`${FILE}: ${name}: expected another name than that of the account of the DAXPAY_* variables`);
        continue;
      }
      const env = (variable: string) => settings.get(variable);
      const label = (name: AccountName) => VARIABLES[name].account;
      const read = readValues(ACCOUNT_NAMES, { env, readFile: recorded.readFile }, {
        label: (name) => label(name as AccountName),
        acceptUntypedSecrets,
      });
      add(name, read, label, `${FILE}: ${name}.`);
    }
  }
  problems.push(...releaseConflicts(accounts), ...awayErrors(accounts, source));
  return { accounts, problems, files: [...new Set(files)] };
}

/** One DaxPay has one release; two accounts of it that differ in it would also not know of each other's syncs. */
function releaseConflicts(accounts: Accounts): string[] {
  const first = new Map<string, AccountConfig>();
  const problems: string[] = [];
  for (const account of accounts.values()) {
    const { url, release } = account.daxpay;
    const other = first.get(serverOf(url));
    if (!other) first.set(serverOf(url), account);
    else if (other.daxpay.release !== release) {
      problems.push(
        `${FILE}: ${account.name}.release: expected ${other.daxpay.release} as of account ${other.name} at the same ` +
          `URL, got ${release}`,
      );
    }
  }
  return problems;
}

/** 3.0.0-beta4 loses updates of a balance when two of its transactions overlap, which only the database rules out. */
function awayErrors(accounts: Accounts, source: ConfigSource): string[] {
  if (!hasDatabase(source) || source.env("STORE_AWAY") !== "continue") return [];
  return [...accounts.values()].filter(({ daxpay }) => daxpay.release === "3.0.0-beta4").map(({ name }) =>
    `STORE_AWAY: expected query because account ${name} has release 3.0.0-beta4, got continue: that release loses a ` +
    "refund's booking when two replicas sync its order at once"
  );
}

/** The same for every spelling of a base URL. */
export function serverOf(url: URL): string {
  return url.href.replace(/\/+$/, "");
}

/** Hosts with their ports, by account. */
export function hostsOf(accounts: Accounts): ReadonlyMap<string, string> {
  return new Map([...accounts].map(([name, { daxpay }]) => [name, hostPortOf(daxpay.url)]));
}

/** Texts that must not be shown. */
export function secretsOf(accounts: Accounts): string[] {
  return [...accounts.values()].flatMap(({ daxpay: { secret, previousSecret }, webhook }) =>
    [secret, previousSecret ?? "", webhook?.secret ?? "", webhook?.previousSecret ?? ""].filter((text) => text !== "")
  );
}

interface AccountsFile {
  /** Settings by the names of the variables. */
  readonly accounts: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly problems: readonly string[];
}

/** Every value is text, as in a variable: a number would lose leading zeros. */
function readFile(path: string, source: Pick<ConfigSource, "readFile">): AccountsFile {
  const accounts = new Map<string, ReadonlyMap<string, string>>();
  const problems: string[] = [];
  const report = (problem: string) => problems.push(`${FILE}: ${problem}`);
  const content = contentOf(path, source, report);
  if (content === undefined) return { accounts, problems };
  if (!(content instanceof Map) || content.size === 0) {
    report("expected a map of accounts by their names, got " + (content ? kindOf(content) : "nothing"));
    return { accounts, problems };
  }
  for (const [name, settings] of content) {
    if (typeof name !== "string" || !ACCOUNT_NAME.test(name)) {
      const got = typeof name === "string" ? JSON.stringify(name.slice(0, 200)) : kindOf(name);
      report(`expected an account name of ${NAME_RULE}, got ${got}`);
    } else if (!(settings instanceof Map)) {
      report(`${name}: expected a map of settings, got ${settings ? kindOf(settings) : "nothing"}`);
    } else accounts.set(name, settingsOf(settings, (problem) => report(`${name}.${problem}`)));
  }
  return { accounts, problems };
}

function contentOf(path: string, source: Pick<ConfigSource, "readFile">, report: (problem: string) => void): unknown {
  try {
    const lineCounter = new LineCounter();
    const text = source.readFile(path);
    const document = parseDocument(text, { schema: "failsafe", prettyErrors: false, lineCounter });
    // The library's messages can quote the file, and who misreads the documentation puts secrets there.
    for (const { code, pos: [start] } of document.errors) {
      const { line, col } = lineCounter.linePos(start);
      report(`line ${line}, column ${col}: expected valid YAML, got ${code.toLowerCase().replaceAll("_", " ")}`);
    }
    return document.errors.length > 0 ? undefined : document.toJS({ mapAsMap: true }) ?? "";
  } catch (error) {
    report(`cannot read "${path}": ${(error as Error).message}`);
    return undefined;
  }
}

function settingsOf(settings: ReadonlyMap<unknown, unknown>, report: (problem: string) => void): Map<string, string> {
  const values = new Map<string, string>();
  for (const [key, value] of settings) {
    const variable = typeof key === "string" ? VARIABLES_BY_KEY.get(key) : undefined;
    if (variable === undefined) {
      const name = typeof key === "string" ? key.slice(0, 100) : kindOf(key);
      const nearest = typeof key === "string" && closestMatch(key, KEYS);
      report(
        `${name}: expected a setting of an account, got an unknown one${nearest ? `; the nearest is ${nearest}` : ""}`,
      );
    } else if (typeof value !== "string") report(`${key}: expected a single value, got ${kindOf(value)}`);
    else values.set(variable, value);
  }
  return values;
}

function kindOf(value: unknown): string {
  if (value instanceof Map) return "a map";
  return Array.isArray(value) ? "a list" : "a single value";
}

function accountFrom(
  name: string,
  values: CompleteValues<AccountName>,
  texts: ReadonlyMap<AccountName, string>,
): AccountConfig {
  return {
    name,
    daxpay: {
      url: values.DAXPAY_URL,
      release: values.DAXPAY_RELEASE,
      path: values.DAXPAY_SYNC_PATH,
      signType: values.DAXPAY_SIGN_TYPE,
      secret: values.DAXPAY_SIGN_SECRET ?? "",
      previousSecret: values.DAXPAY_SIGN_SECRET_PREVIOUS,
      privateKey: values.DAXPAY_PRIVATE_KEY,
      platformKeys: values.DAXPAY_PLATFORM_KEYS,
      appId: values.DAXPAY_APP_ID,
      mchNo: values.DAXPAY_MCH_NO,
      clientIp: values.DAXPAY_CLIENT_IP,
      timeoutMs: values.DAXPAY_TIMEOUT_MS,
      timeZone: values.DAXPAY_TIME_ZONE,
      maxSkewMs: values.DAXPAY_MAX_SKEW_MS,
    },
    sync: {
      queryMode: values.DAXPAY_QUERY,
      settleTimeoutMs: values.DAXPAY_SETTLE_TIMEOUT,
      settleOnStart: values.DAXPAY_SETTLE_ON_START,
    },
    rateLimit: { rate: values.DAXPAY_RATE, concurrency: values.DAXPAY_CONCURRENCY },
    webhook: webhookFrom(values),
    texts: new Map([...texts].map(([name, text]) => [VARIABLES[name].account, text])),
  };
}

function webhookFrom(values: CompleteValues<AccountName>): WebhookConfig | undefined {
  const { WEBHOOK_URL: url, WEBHOOK_SECRET: secret, WEBHOOK_SECRET_PREVIOUS: previousSecret } = values;
  return url && secret !== undefined ? { url, secret, previousSecret } : undefined;
}

/** Problems of the webhooks' URLs with what the service may connect to. */
export function webhookErrors(accounts: Accounts, allowPrivate: readonly string[] = []): string[] {
  const policy = createAddressPolicy(allowPrivate);
  return [...accounts.values()].flatMap(({ name, webhook }) => {
    const problem = webhook && policy.problem(webhook.url);
    if (problem === undefined) return [];
    const label = name === DEFAULT_ACCOUNT ? "WEBHOOK_URL" : `${FILE}: ${name}.webhook_url`;
    return [`${label}: expected ${problem}, got ${webhook?.url.origin}`];
  });
}
