import { CHANNEL, type Database, type Sql } from "./database.ts";

/** What other replicas, or this one, have committed. A notification can be lost, so every waiter also polls now and then. */
export interface Notifications extends AsyncDisposable {
  /** Calls back when the journal may have grown. Returns what unsubscribes. */
  onJournal(listener: () => void): () => void;
  /** Calls back when a refund's row has changed; undefined: perhaps any. Returns what unsubscribes. */
  onRefund(listener: (id: number | undefined) => void): () => void;
}

const JOURNAL = "journal";
const REFUND = /^refund (\d+)$/;

export function listenForNotifications(database: Database): Notifications {
  const journal = new Set<() => void>();
  const refund = new Set<(id: number | undefined) => void>();
  const journalChanged = () => journal.forEach((listener) => listener());
  const refundChanged = (id: number | undefined) => refund.forEach((listener) => listener(id));
  const listening = database.listen((payload) => {
    const [, id] = REFUND.exec(payload) ?? [];
    if (id !== undefined) refundChanged(Number(id));
    else if (payload === JOURNAL) journalChanged();
  }, () => {
    journalChanged();
    refundChanged(undefined);
  });
  const subscribe = <T>(listeners: Set<T>, listener: T) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };
  return {
    onJournal: (listener) => subscribe(journal, listener),
    onRefund: (listener) => subscribe(refund, listener),
    [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose](),
  };
}

/** Sent when the transaction commits. */
export async function notifyJournal(tx: Sql): Promise<void> {
  await tx.query("SELECT pg_notify($1, $2)", [CHANNEL, JOURNAL]);
}

/** Sent when the transaction commits. */
export async function notifyRefund(tx: Sql, id: number): Promise<void> {
  await tx.query("SELECT pg_notify($1, $2)", [CHANNEL, `refund ${id}`]);
}
