import type { Finding, RefundRow } from "./refunds.ts";
import type { Release, Telling } from "./release.ts";

/** DaxPay's lock: its time to live, and how long and how often a second sync tries to get it (lock4j). */
const LOCK_MS = 10_000;
const LOCK_TRIES = 2;
const LOCK_WAIT_MS = 100;

/** Alipay wants to be asked for a refund only when it is this old. */
const YOUNG_MS = 10_000;

export interface Told {
  readonly telling: Telling;
  /** 3.x: whether the stored refund already said what the channel says, against the member's name. */
  readonly adjust: boolean;
}

/** DaxPay's own books: how far each refund has come, and which are being synced. */
export interface Books {
  /** Syncs a refund; without a row, one that DaxPay does not know. */
  sync(row: RefundRow | undefined): Promise<Told>;
  forget(): void;
}

export interface BooksOptions {
  readonly release: Release;
  readonly now: () => number;
  /** How long the channel takes to answer, in milliseconds. */
  readonly latencyMs: number;
  readonly wait: (ms: number) => Promise<void>;
}

interface Entry {
  asks: number;
  readonly firstAsk: number;
  readonly findings: readonly Finding[];
  word?: string;
}

export function createBooks({ release, now, latencyMs, wait }: BooksOptions): Books {
  const entries = new Map<string, Entry>();
  /** When each held lock expires. The object tells one holder from the next. */
  const locks = new Map<string, { readonly until: number }>();

  async function sync(row: RefundRow | undefined): Promise<Told> {
    if (!row) return { telling: release.tell.unknown, adjust: false };
    const entry = entryOf(row);
    const early = release.tell[findingOf(entry)];
    if (early.lock === "skipped") {
      entry.asks++;
      return told(entry, early);
    }
    const lock = await acquire(row.refundNo);
    if (!lock) return { telling: release.tell.locked, adjust: false };
    const finding = findingOf(entry);
    entry.asks++;
    if (finding === "locked") {
      free(row.refundNo, lock);
      await wait(LOCK_TRIES * LOCK_WAIT_MS);
      return { telling: release.tell.locked, adjust: false };
    }
    const telling = release.tell[finding];
    if (telling.lock === "left") return { telling, adjust: false };
    if (latencyMs > 0) await wait(latencyMs);
    free(row.refundNo, lock);
    return told(entry, telling);
  }

  /** Members of the load family get a fresh entry each time, so that millions of them leave nothing behind. */
  function entryOf({ refundNo, behaviour }: RefundRow): Entry {
    const known = entries.get(refundNo);
    if (known) return known;
    const findings: readonly Finding[] = "findings" in behaviour ? behaviour.findings : ["success"];
    const entry: Entry = { asks: 0, firstAsk: now(), findings };
    if (!refundNo.startsWith("LOAD-")) entries.set(refundNo, entry);
    return entry;
  }

  function findingOf({ asks, firstAsk, findings }: Entry): Finding {
    const finding = findings[Math.min(asks, findings.length - 1)];
    return finding === "young" && now() - firstAsk >= YOUNG_MS ? "success" : finding;
  }

  async function acquire(refundNo: string) {
    for (let tries = 0;; tries++) {
      const held = locks.get(refundNo);
      if (!held || held.until <= now()) break;
      if (tries === LOCK_TRIES) return undefined;
      await wait(LOCK_WAIT_MS);
    }
    const lock = { until: now() + LOCK_MS };
    locks.set(refundNo, lock);
    return lock;
  }

  function free(refundNo: string, lock: { readonly until: number }): void {
    if (locks.get(refundNo) === lock) locks.delete(refundNo);
  }

  function forget(): void {
    entries.clear();
    locks.clear();
  }

  return { sync, forget };
}

function told(entry: Entry, telling: Telling): Told {
  const adjust = entry.word === "success" && telling.word === "success";
  entry.word = telling.word;
  return { telling, adjust };
}
