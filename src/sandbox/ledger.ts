import {
  familyRefund,
  type FinalStatus,
  isLoad,
  type LocalStatus,
  namedRefund,
  type RefundSpec,
  type Scenario,
} from "./refunds.ts";
import type { ChannelSetting, LoadedRow, Lookup, LookupScope, NewRefund, Order, Refund, RefundView } from "./rows.ts";

/** A prepared write of a sync, a callback or an operator. */
export interface Change {
  readonly row: LoadedRow;
  readonly order?: { readonly order: Order; readonly version: number; readonly refundableBalance: number };
}

export interface Ledger {
  /** Adds a row to DaxPay's refund table. Throws a RangeError where it cannot exist. */
  add(refund: NewRefund): void;
  /** Throws a RangeError where the refund is unknown. */
  setChannel(refundNo: string, setting: ChannelSetting): void;
  /** The refund that a request names; `foreign` where it is another merchant's, `ambiguous` where there are several. */
  find(lookup: Lookup): Refund | undefined | "foreign" | "ambiguous";
  /** The refund with this number, of any account. */
  get(refundNo: string): Refund | undefined;
  /** Refunds that were added or used, oldest first. */
  all(): Iterable<Refund>;
  order(refund: Refund): Order | undefined;
  /** Consumes the refund's next scenario. */
  nextScenario(refund: Refund): Scenario;
  /**
   * Sets the loaded row's status and prepares its write, with the order as it is now. `close`, and on some releases
   * `fail`, credits the amount. Undefined where the order's row is missing, which these need, and elsewhere `success`.
   */
  prepare(row: LoadedRow, status: FinalStatus, error?: string | null): Change | undefined;
  /** Commits a prepared write; false where a row has changed since and the release rolls back. */
  commit(change: Change): boolean;
  view(refund: Refund): RefundView;
  reset(): void;
}

export interface LedgerOptions {
  readonly now: () => number;
  readonly appId: string;
  readonly mchNo: string;
  /** The rows that a request can find. */
  readonly scope: LookupScope;
  /** Whether a refund is created in `init`, before the channel is called. */
  readonly startsInInit: boolean;
  /** Whether a refund that failed is credited too, and its success does not need the order. */
  readonly creditsFailures: boolean;
  /** Whether a write to a row that has changed since it was loaded rolls back the transaction, or is ignored. */
  readonly rollsBackStaleWrites: boolean;
  /** Called when a status was committed, also one that the refund had before. */
  readonly onStatus?: (refund: Refund) => void;
}

const FIVE_DAYS_MS = 5 * 24 * 3600 * 1000;
const FIRST_ID = 7_000_000_000_000_000_000n;
/** Maximum number of refunds of the load family whose success is remembered. */
const MAX_LOAD = 100_000;

const DEFAULTS = { amount: 1_000, orderAmount: 10_000, refundableBalance: 5_000 };

export function createLedger(options: LedgerOptions): Ledger {
  const { now, scope, rollsBackStaleWrites, startsInInit, creditsFailures, onStatus = () => {} } = options;
  const refunds = new Map<string, Refund>();
  const byBizRefundNo = new Map<string, Refund[]>();
  const orders = new Map<string, Order>();
  /** Rows of the load family are not stored: only the numbers of the last that succeeded are. */
  const succeededLoad = new Set<string>();
  let ids = 0n;

  function add(refund: NewRefund): void {
    const { refundNo, orderNo = `P-${refundNo}`, bizRefundNo = `B-${refundNo}`, state = "SUCCESS" } = refund;
    if (refundNo.trim() === "") throw new RangeError("expected a refundNo that is not blank, got a blank one");
    if (refunds.has(refundNo) || namedRefund("refundNo", refundNo)) {
      throw new RangeError(`expected a refundNo that is not in use, got "${refundNo}"`);
    }
    if (refund.status === "init" && !startsInInit) {
      throw new RangeError('expected a status other than "init" before release 4.0.0-beta, got "init"');
    }
    const scenarios = typeof state === "string" ? [state] : state;
    if (scenarios.length === 0) throw new RangeError("expected at least one state, got none");
    if (!refund.orderMissing) addOrder(orderNo, refund);
    keep({ ...blank(), ...given(refund), refundNo, bizRefundNo, orderNo, scenarios });
  }

  function addOrder(orderNo: string, { orderAmount, refundableBalance }: NewRefund): void {
    const order = orders.get(orderNo);
    const amount = orderAmount ?? order?.amount ?? DEFAULTS.orderAmount;
    const balance = refundableBalance ?? order?.refundableBalance ?? Math.min(DEFAULTS.refundableBalance, amount);
    if (order && (order.amount !== amount || order.refundableBalance !== balance)) {
      throw new RangeError(
        `expected order "${orderNo}" as it is, ${order.amount} with a balance of ${order.refundableBalance}, ` +
          `got ${amount} with ${balance}`,
      );
    }
    if (!order) orders.set(orderNo, { orderNo, amount, refundableBalance: balance, version: 0 });
  }

  function keep(refund: Refund): Refund {
    refunds.set(refund.refundNo, refund);
    const others = byBizRefundNo.get(refund.bizRefundNo);
    if (others) others.push(refund);
    else byBizRefundNo.set(refund.bizRefundNo, [refund]);
    return refund;
  }

  function blank(): Omit<Refund, "refundNo" | "bizRefundNo" | "orderNo" | "scenarios"> {
    return {
      id: String(FIRST_ID + ++ids),
      appId: options.appId,
      mchNo: options.mchNo,
      channel: "wechat_pay",
      amount: DEFAULTS.amount,
      requestedAt: now() - FIVE_DAYS_MS,
      title: "测试支付",
      reason: "",
      attach: null,
      outRefundNo: null,
      noticeUrl: undefined,
      status: "progress",
      finishTime: null,
      errorMsg: null,
      version: 0,
      credits: 0,
      syncs: 0,
      queries: 0,
      latencyMs: undefined,
      error: null,
      restored: false,
    };
  }

  /** Creates the row of a named refund, or of one of a family. */
  function open(spec: RefundSpec): Refund {
    const { refundNo, bizRefundNo, channel, scenarios, error = null, restored = false } = spec;
    const status: LocalStatus = spec.status === "init" && !startsInInit ? "progress" : spec.status;
    const orderNo = `P-${refundNo}`;
    const requestedAt = now() - (spec.ageMs ?? FIVE_DAYS_MS);
    const refund = {
      ...blank(),
      refundNo,
      bizRefundNo,
      orderNo,
      channel,
      status,
      scenarios,
      error,
      restored,
      requestedAt,
    };
    if (isLoad(refundNo)) {
      if (succeededLoad.has(refundNo)) refund.status = "success";
      return refund;
    }
    addOrder(orderNo, { refundNo });
    return keep(refund);
  }

  function get(refundNo: string): Refund | undefined {
    const known = refunds.get(refundNo);
    if (known) return known;
    const named = namedRefund("refundNo", refundNo);
    const spec = named?.unknown ? undefined : named ?? familyRefund(refundNo);
    return spec && open(spec);
  }

  function getByBizRefundNo(bizRefundNo: string): readonly Refund[] {
    const known = byBizRefundNo.get(bizRefundNo) ?? [];
    const named = namedRefund("bizRefundNo", bizRefundNo);
    const spec = named?.unknown ? undefined : named ?? familyRefund(bizRefundNo);
    if (!spec || refunds.has(spec.refundNo)) return known;
    return [...known, open(spec)];
  }

  function find({ refundNo = "", bizRefundNo = "", appId, mchNo }: Lookup) {
    const owned = (refund: Refund) => !scope.merchant || refund.mchNo === mchNo;
    if (refundNo.trim() !== "") {
      const refund = get(refundNo);
      if (!refund || owned(refund)) return refund;
      return scope.foreign ? "foreign" : undefined;
    }
    const found = getByBizRefundNo(bizRefundNo).filter((refund) =>
      owned(refund) && (!scope.app || refund.appId === appId)
    );
    return found.length > 1 ? "ambiguous" : found.at(0);
  }

  function setChannel(refundNo: string, { state, latencyMs, error }: ChannelSetting): void {
    const refund = get(refundNo);
    if (!refund) throw new RangeError(`expected a refund that DaxPay knows, got "${refundNo}"`);
    refund.scenarios = [state];
    if (latencyMs !== undefined) refund.latencyMs = latencyMs;
    if (error !== undefined) refund.error = error;
    if (!refunds.has(refundNo)) {
      addOrder(refund.orderNo, { refundNo });
      keep(refund);
    }
  }

  function nextScenario(refund: Refund): Scenario {
    const [scenario, ...rest] = refund.scenarios;
    if (rest.length > 0) refund.scenarios = rest;
    return scenario;
  }

  /** Orders of the load family are not stored either: none is ever credited. */
  function order(refund: Refund): Order | undefined {
    return orders.get(refund.orderNo) ?? (isLoad(refund.refundNo) ? openLoadOrder(refund) : undefined);
  }

  function prepare(row: LoadedRow, status: FinalStatus, error: string | null = null) {
    const { refund } = row;
    const needsOrder = status !== (creditsFailures ? "success" : "fail");
    const paid = needsOrder ? order(refund) : undefined;
    if (needsOrder && !paid) return undefined;
    row.status = status;
    if (status === "success") {
      row.finishTime = now();
      row.errorMsg = null;
    } else if (status === "fail") {
      row.errorMsg = error;
    }
    if (!paid) return { row };
    const refundableBalance = paid.refundableBalance + (status === "success" ? 0 : refund.amount);
    return { row, order: { order: paid, version: paid.version, refundableBalance } };
  }

  function commit({ row, order }: Change): boolean {
    const { refund, status, finishTime, errorMsg } = row;
    if (refund.restored) return true;
    const orderIsFresh = order === undefined || order.order.version === order.version;
    const isFresh = refund.version === row.version;
    if (rollsBackStaleWrites && !(orderIsFresh && isFresh)) return false;
    if (order && orderIsFresh) {
      if (order.refundableBalance !== order.order.refundableBalance) refund.credits++;
      order.order.refundableBalance = order.refundableBalance;
      order.order.version++;
    }
    if (isFresh) {
      Object.assign(refund, { status, finishTime, errorMsg });
      refund.version++;
      if (status === "success" && isLoad(refund.refundNo)) rememberLoad(refund.refundNo);
      onStatus(refund);
    }
    return true;
  }

  function rememberLoad(refundNo: string): void {
    succeededLoad.add(refundNo);
    if (succeededLoad.size <= MAX_LOAD) return;
    const [oldest] = succeededLoad;
    succeededLoad.delete(oldest);
  }

  function view(refund: Refund): RefundView {
    const { refundNo, bizRefundNo, orderNo, appId, channel, status, amount, credits, syncs, queries } = refund;
    const refundableBalance = order(refund)?.refundableBalance ?? null;
    return {
      refundNo,
      bizRefundNo,
      orderNo,
      appId,
      channel,
      status,
      amount,
      refundableBalance,
      credits,
      syncs,
      queries,
    };
  }

  function reset(): void {
    refunds.clear();
    byBizRefundNo.clear();
    orders.clear();
    succeededLoad.clear();
    ids = 0n;
  }

  return { add, setChannel, find, get, all: () => refunds.values(), order, nextScenario, prepare, commit, view, reset };
}

function openLoadOrder({ orderNo }: Refund): Order {
  return { orderNo, amount: DEFAULTS.orderAmount, refundableBalance: DEFAULTS.refundableBalance, version: 0 };
}

/** The new refund's members that a row has, without unset ones. */
function given(refund: NewRefund): Partial<Refund> {
  const { orderAmount: _, refundableBalance: __, orderMissing: ___, state: ____, ...members } = refund;
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
