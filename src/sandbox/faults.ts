import { type FaultDetail, type FaultName, FAULTS } from "./fault.ts";

export interface FaultTarget extends FaultDetail {
  /** The refund it is for, by the number that stands in the request; every request where unset. */
  readonly refundNo?: string;
  /** How many requests it breaks; all until it is cleared where unset. */
  readonly times?: number;
}

export interface ActiveFault {
  readonly name: FaultName;
  readonly detail: FaultDetail;
}

/** The faults set while the sandbox runs. Those of one target are used up in the order in which they were set. */
export interface Faults {
  /** A fault without `times` replaces all earlier ones of its target. */
  set(name: FaultName, target?: FaultTarget): void;
  clear(): void;
  /** Uses up a fault that comes before the request was read. */
  takeEarly(): boolean;
  /** Uses up the fault of this refund, else of all refunds. */
  take(numbers: readonly (string | undefined)[]): ActiveFault | undefined;
  takeGlobal(): ActiveFault | undefined;
}

interface Entry extends ActiveFault {
  readonly refundNo: string | undefined;
  left: number;
}

export function createFaults(): Faults {
  let entries: Entry[] = [];

  function set(name: FaultName, { refundNo, times = Infinity, ...detail }: FaultTarget = {}): void {
    if (FAULTS[name].kind === "connect" && refundNo !== undefined) {
      throw new RangeError(
        `Found refundNo "${refundNo}" for fault "${name}", wanted none: it comes before the request`,
      );
    }
    if (!(times > 0)) throw new RangeError(`Found times ${times} for fault "${name}", wanted 1 or more`);
    if (times === Infinity) entries = entries.filter((entry) => entry.refundNo !== refundNo);
    entries.push({ name, refundNo, detail, left: times });
  }

  function use(wanted: (entry: Entry) => boolean): Entry | undefined {
    if (entries.length === 0) return undefined;
    const entry = entries.find(wanted);
    if (entry && --entry.left <= 0) entries = entries.filter((other) => other !== entry);
    return entry;
  }

  return {
    set,
    clear: () => void (entries = []),
    takeEarly: () => use(({ name }) => FAULTS[name].kind === "connect") !== undefined,
    take: (numbers) => use(({ refundNo }) => refundNo !== undefined && numbers.includes(refundNo)),
    takeGlobal: () => use(({ name, refundNo }) => refundNo === undefined && FAULTS[name].kind !== "connect"),
  };
}
