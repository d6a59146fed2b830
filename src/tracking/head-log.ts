import type { Clock } from "../refund/clock.ts";
import { formatHead } from "../store/identity.ts";
import type { Journal } from "../store/journal.ts";

const INTERVAL_MS = 3_600_000;

/**
 * Logs the journal's head now and every hour, so that the log outside of the database tells of rows that are cut off its end:
 * `journal verify --head` compares them. A head that cannot be read is left out; what needs the database reports that.
 */
export function scheduleHeadLog(
  journal: Pick<Journal, "head">,
  clock: Clock,
  log: (head: string) => void,
): Disposable {
  let cancel = () => {};
  let closed = false;

  async function run(): Promise<void> {
    const head = await journal.head().catch(() => undefined);
    if (closed) return;
    if (head && head.seq > 0) log(formatHead(head));
    cancel = clock.after(INTERVAL_MS, run);
  }
  run();

  return {
    [Symbol.dispose]() {
      closed = true;
      cancel();
    },
  };
}
