import type { Logger } from "@logtape/logtape";
import type { Tracer } from "@opentelemetry/api";
import {
  type AccountConfig,
  type Accounts,
  DEFAULT_ACCOUNT,
  serverOf,
  type WebhookConfig,
} from "../config/accounts.ts";
import type { Config } from "../config/read.ts";
import { createDaxPay, type DaxPayOptions } from "../daxpay/client.ts";
import { type Release, RELEASES } from "../daxpay/release.ts";
import type { SigningKeys } from "../daxpay/signer.ts";
import type { Calls } from "../interceptors/call.ts";
import type { EngineOptions } from "../refund/engine.ts";
import { createRefundRecords, type RefundRecords } from "../refund/records.ts";
import { createRefunds, type Refunds, type Stats } from "../refund/refunds.ts";
import type { AccountDirectory } from "../service/accounts.ts";
import type { Readiness } from "../service/readiness.ts";
import { observeRefunds } from "../telemetry/gauges.ts";
import { createTelemetryListener } from "../telemetry/listener.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { withTracing } from "../telemetry/tracing.ts";
import type { StartedTracking } from "../tracking/create.ts";
import type { RecordedAccount } from "../tracking/records.ts";
import type { WorkedAccount } from "../tracking/worker.ts";
import { announceAccount } from "./announce.ts";
import type { Dependencies } from "./dependencies.ts";

export interface AppAccountsOptions {
  readonly config: Config;
  readonly dependencies: Dependencies;
  readonly calls: Calls;
  /** What replicas share; undefined without a database. */
  readonly tracking: Pick<StartedTracking, "sharedRecords" | "sharedBudget"> | undefined;
  /** Blocked while the circuit breakers of all accounts are open. */
  readonly upstream: Readiness;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly tracer: Tracer;
}

/** The domain of every account, with its events and state passed to logs, metrics, traces, health and the current call. */
export interface AppAccounts extends AccountDirectory {
  /** Adds, changes and removes accounts. Calls in progress end with what they have begun. */
  update(accounts: Accounts): void;
  /** What tracking needs of an account; undefined: it is not configured. */
  trackedAccount(name: string): WorkedAccount | undefined;
  /** DaxPay's address and all keys that it may use now; undefined: not configured. */
  daxpayOf(name: string): DaxPayOptions | undefined;
  /** Where the account's events are delivered to; undefined: nowhere. */
  webhookOf(name: string): WebhookConfig | undefined;
  /** State of the account that an empty name stands for. */
  stats(): Stats;
  /** Resolves when no sync is in progress, after `timeoutMs` at the latest. */
  drain(timeoutMs: number): Promise<void>;
  close(): void;
}

/** Milliseconds for which a replaced secret or key, if no other is configured, is still accepted: DaxPay changes later. */
const ROTATION_MS = 600_000;
const CIRCUIT_OPEN = "circuit breaker open";

/** What DaxPay may still sign with, and expect. */
type ReplacedKeys = Partial<Pick<SigningKeys, "secret" | "privateKey" | "platformKeys">>;

interface Entry {
  config: AccountConfig;
  readonly refunds: Refunds;
  /** What has been replaced within ROTATION_MS. */
  replaced: ReplacedKeys;
  cancelTimer: () => void;
}

export function createAppAccounts(options: AppAccountsOptions): AppAccounts {
  const { config, calls, tracking, upstream, metrics, logger, tracer } = options;
  const { fetch, clock, nonce, random } = options.dependencies;
  const entries = new Map<string, Entry>();
  /** By server and merchant; kept when an account is removed, since it may come back. */
  const records = new Map<string, RefundRecords>();
  /** Removed accounts with calls in progress. */
  const leaving = new Set<Refunds>();
  const open = new Set<string>();
  const listenerOf = createTelemetryListener(logger, metrics);

  function recordsOf({ daxpay }: AccountConfig): RefundRecords {
    const { identity }: Release = RELEASES[daxpay.release];
    const key = JSON.stringify([serverOf(daxpay.url), identity.includes("mchNo") ? daxpay.mchNo : undefined]);
    const existing = records.get(key) ?? createRefundRecords(clock);
    records.set(key, existing);
    return existing;
  }

  function engineOptions(account: AccountConfig, replaced: ReplacedKeys): EngineOptions {
    const { daxpay, sync, rateLimit } = account;
    const client = createDaxPay(withReplaced(daxpay, replaced), { fetch, now: () => clock.now(), nonce });
    return {
      daxpay: withTracing(client, tracer, daxpay.url),
      ...sync,
      // With a database, what an earlier process has sent is known.
      settleOnStart: sync.settleOnStart && !tracking,
      rateLimit,
      records: recordsOf(account),
      shared: tracking?.sharedRecords(
        recordedAccount(account),
        (before, after) => listenerOf(account.name)({ type: "conflict", before, after }),
      ),
    };
  }

  function recordedAccount({ name, daxpay, sync }: AccountConfig): RecordedAccount {
    const { identity, locksOrder }: Release = RELEASES[daxpay.release];
    return {
      name,
      server: serverOf(daxpay.url),
      mchNo: identity.includes("mchNo") ? daxpay.mchNo ?? "" : "",
      appId: daxpay.appId ?? "",
      timeoutMs: daxpay.timeoutMs,
      settleTimeoutMs: sync.settleTimeoutMs,
      settleOnStart: sync.settleOnStart,
      locksOrder,
      mayContinue: config.store?.away === "continue",
    };
  }

  function add(account: AccountConfig): void {
    const { name } = account;
    const telemetry = listenerOf(name);
    const refunds = createRefunds({
      ...engineOptions(account, {}),
      budget: tracking?.sharedBudget(name),
      schedule: config.watch,
      clock,
      random,
      onEvent(event) {
        telemetry(event);
        const call = calls.current();
        if (call && event.type === "retry") call.retries++;
        if (call && event.type === "coalesced") call.coalesced = true;
        if (event.type === "breaker") setOpen(name, event.state === "open");
      },
    });
    entries.set(name, { config: account, refunds, replaced: {}, cancelTimer: () => {} });
    setOpen(name, false);
  }

  function setOpen(name: string, isOpen: boolean): void {
    open[isOpen ? "add" : "delete"](name);
    upstream[open.size > 0 && open.size >= entries.size ? "block" : "unblock"](CIRCUIT_OPEN);
  }

  function change(entry: Entry, next: AccountConfig): void {
    const replaced = replacedKeys(entry.config.daxpay, next.daxpay);
    if (Object.keys(replaced).length > 0) {
      entry.cancelTimer();
      entry.replaced = { ...entry.replaced, ...replaced };
      entry.cancelTimer = clock.after(ROTATION_MS, () => {
        entry.replaced = {};
        entry.refunds.reconfigure(engineOptions(entry.config, {}));
      });
    }
    entry.config = next;
    entry.refunds.reconfigure(engineOptions(next, entry.replaced));
  }

  function remove({ config: { name }, refunds, cancelTimer }: Entry): void {
    cancelTimer();
    entries.delete(name);
    leaving.add(refunds);
    refunds.remove().then(() => leaving.delete(refunds));
    setOpen(name, false);
  }

  for (const account of config.accounts.values()) add(account);
  observeRefunds(metrics, () =>
    [...entries].map(([name, { config, refunds }]) => ({
      account: name,
      release: config.daxpay.release,
      queryMode: config.sync.queryMode,
      stats: refunds.stats(),
    })), () => clock.elapsed());

  const nameOf = (name: string) => name || (entries.size === 1 ? [...entries.keys()][0] : DEFAULT_ACCOUNT);
  const all = () => [...[...entries.values()].map(({ refunds }) => refunds), ...leaving];
  return {
    nameOf,
    refundsOf: (name) => entries.get(name)?.refunds,
    trackedAccount(name) {
      const entry = entries.get(name);
      if (!entry) return undefined;
      const { refunds, config } = entry;
      return { refunds, lanes: config.rateLimit.concurrency, recorded: recordedAccount(config) };
    },
    daxpayOf(name) {
      const entry = entries.get(name);
      return entry && withReplaced(entry.config.daxpay, entry.replaced);
    },
    webhookOf: (name) => entries.get(name)?.config.webhook,
    update(accounts) {
      for (const [name, entry] of entries) {
        if (accounts.has(name)) continue;
        remove(entry);
        logger.info("Removed account {account}", { account: name });
      }
      for (const [name, account] of accounts) {
        const entry = entries.get(name);
        const changed = entry && changedKeys(entry.config, account);
        if (!entry) add(account);
        else if (changed?.length === 0) continue;
        else change(entry, account);
        if (changed) {
          logger.info("Changed account {account}: {changed}", { account: name, changed: changed.join(", ") });
        } else announceAccount(logger.with({ account: name }), account, tracking !== undefined);
      }
    },
    stats() {
      const refunds = entries.get(nameOf(""))?.refunds ?? all()[0];
      return refunds.stats();
    },
    async drain(timeoutMs) {
      await Promise.all(all().map((refunds) => refunds.drain(timeoutMs)));
    },
    close() {
      for (const { cancelTimer } of entries.values()) cancelTimer();
      for (const refunds of all()) refunds.close();
    },
  };
}

function withReplaced(daxpay: DaxPayOptions, replaced: ReplacedKeys): DaxPayOptions {
  return {
    ...daxpay,
    previousSecret: daxpay.previousSecret ?? replaced.secret,
    previousPrivateKey: replaced.privateKey,
    platformKeys: daxpay.platformKeys && [...daxpay.platformKeys, ...replaced.platformKeys ?? []],
  };
}

/** Keys in the accounts file whose values differ. */
function changedKeys(before: AccountConfig, after: AccountConfig): string[] {
  const keys = new Set([...before.texts.keys(), ...after.texts.keys()]);
  return [...keys].filter((key) => before.texts.get(key) !== after.texts.get(key));
}

/** What the last configuration used at the same server and the next one does not. */
function replacedKeys(last: DaxPayOptions, next: DaxPayOptions): ReplacedKeys {
  if (serverOf(last.url) !== serverOf(next.url) || last.release !== next.release) return {};
  const { secret, privateKey, platformKeys = [] } = last;
  const removed = platformKeys.filter((key) => !next.platformKeys?.some((other) => other.equals(key)));
  return {
    ...(secret && secret !== next.secret ? { secret } : {}),
    ...(privateKey && next.privateKey && !privateKey.equals(next.privateKey) ? { privateKey } : {}),
    ...(removed.length > 0 ? { platformKeys: removed } : {}),
  };
}
