import { type FaultDetail, type FaultName, FAULTS } from "./fault.ts";
import type { EndpointKind } from "./endpoint.ts";

export interface FaultTarget extends FaultDetail {
  /** The refund, by either number in the request; every request where unset. */
  readonly refundNo?: string;
  /** The interface; both where unset. */
  readonly endpoint?: "sync" | "query";
  /** Number of requests it breaks; all until it is cleared where unset. */
  readonly times?: number;
}

export interface ActiveFault {
  readonly name: FaultName;
  readonly detail: FaultDetail;
}

/** The faults set while the server runs. Those of one target are used up in the order in which they were set. */
export interface Faults {
  /** A fault without `times` replaces all earlier ones of its target. */
  set(name: FaultName, target?: FaultTarget): void;
  clear(): void;
  /** Consumes a fault that precedes the request. */
  takeEarly(): boolean;
  /** Consumes the fault of this refund and endpoint. */
  take(numbers: readonly (string | undefined)[], endpoint: EndpointKind | undefined): ActiveFault | undefined;
  /** Consumes the fault of all refunds and this endpoint. */
  takeGlobal(endpoint: EndpointKind | undefined): ActiveFault | undefined;
}

interface Entry extends ActiveFault {
  readonly refundNo: string | undefined;
  readonly endpoint: "sync" | "query" | undefined;
  left: number;
}

export function createFaults(): Faults {
  let entries: Entry[] = [];

  function set(name: FaultName, { refundNo, endpoint, times = Infinity, ...detail }: FaultTarget = {}): void {
    const connect = FAULTS[name].kind === "connect";
    if (connect && refundNo !== undefined) {
      throw new RangeError(`expected no refundNo for fault "${name}", which precedes the request, got "${refundNo}"`);
    }
    if (connect && endpoint !== undefined) {
      throw new RangeError(`expected no endpoint for fault "${name}", which precedes the request, got "${endpoint}"`);
    }
    if (!(times > 0)) throw new RangeError(`expected times of 1 or more for fault "${name}", got ${times}`);
    if (times === Infinity) {
      entries = entries.filter((entry) => entry.refundNo !== refundNo || entry.endpoint !== endpoint);
    }
    entries.push({ name, refundNo, endpoint, detail, left: times });
  }

  function use(matches: (entry: Entry) => boolean): Entry | undefined {
    if (entries.length === 0) return undefined;
    const entry = entries.find(matches);
    if (entry && --entry.left <= 0) entries = entries.filter((other) => other !== entry);
    return entry;
  }

  const covers = (entry: Entry, endpoint: EndpointKind | undefined) =>
    entry.endpoint === undefined || entry.endpoint === endpoint;

  return {
    set,
    clear: () => void (entries = []),
    takeEarly: () => use(({ name }) => FAULTS[name].kind === "connect") !== undefined,
    take: (numbers, endpoint) =>
      use((entry) => entry.refundNo !== undefined && numbers.includes(entry.refundNo) && covers(entry, endpoint)),
    takeGlobal: (endpoint) =>
      use((entry) => entry.refundNo === undefined && FAULTS[entry.name].kind !== "connect" && covers(entry, endpoint)),
  };
}
