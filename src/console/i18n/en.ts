import type { DoubtKind } from "../../util/doubtful-number.ts";
import { Binding, RefundStatus } from "../../gen/daxpay/refundsync/v1/refund_pb.ts";
import { Delivery, FailureReason, Step } from "../../gen/daxpay/refundsync/v1/sync_failure_pb.ts";

/** What a state means and what to do about it. */
export interface Advice {
  readonly meaning: string;
  readonly next: string;
}

/** Texts of one refund status. */
export interface StatusMessages extends Advice {
  readonly name: string;
  /** Replaces the advice while the state is not final. */
  readonly notFinal?: Advice;
}

/** Texts of one failure. */
export interface FailureMessages extends Advice {
  readonly title: string;
}

const status: Record<RefundStatus, StatusMessages> = {
  [RefundStatus.UNSPECIFIED]: {
    name: "No state",
    meaning: "The service returned no state.",
    next: "Sync again. If this persists, contact the operator of the service.",
  },
  [RefundStatus.IN_PROGRESS]: {
    name: "In progress",
    meaning: "The payment channel is still processing this refund.",
    next: "Sync again later, or watch it until it is final. Do not issue a second refund.",
  },
  [RefundStatus.SUCCEEDED]: {
    name: "Succeeded",
    meaning: "The payment channel has returned the money.",
    next: "Nothing. If the customer has not received the money yet, their bank or wallet is still crediting it.",
    notFinal: {
      meaning: "DaxPay reports that the money was returned. A signed query has not confirmed it yet.",
      next: "Sync again to confirm it. Do not issue a second refund.",
    },
  },
  [RefundStatus.FAILED]: {
    name: "Failed",
    meaning: "The payment channel did not return the money.",
    next: "Check with the payment channel. Never issue a second refund because of this state alone.",
    notFinal: {
      meaning: "DaxPay reports a failure, but this can change: DaxPay 3.x reports a failure after any error of the " +
        "payment channel, also while WeChat Pay is still processing the refund, and for every unfinished Alipay refund.",
      next: "Keep watching it and check with the payment channel. Never issue a second refund because of this state " +
        "alone: the customer could receive the money twice.",
    },
  },
  [RefundStatus.CLOSED]: {
    name: "Closed",
    meaning: "The refund was closed. On DaxPay 3.x this can also mean that the money is stuck at WeChat Pay (its " +
      "status ABNORMAL), for example because the customer's bank card is canceled or frozen.",
    next: "Check with the payment channel whether the money is stuck there before you issue a new refund.",
    notFinal: {
      meaning: "DaxPay reports that the refund was closed. A signed query has not confirmed it yet. On DaxPay 3.x it " +
        "can also mean that the money is stuck at WeChat Pay (its status ABNORMAL).",
      next: "Sync again to confirm it, and check with the payment channel before you issue a new refund.",
    },
  },
  [RefundStatus.NOT_FOUND_AT_CHANNEL]: {
    name: "Not found at the channel",
    meaning: "The payment channel does not know this refund. This can change: the refund may not have reached the " +
      "channel yet.",
    next: "Keep watching it and check with the payment channel. Never issue a second refund because of this state " +
      "alone.",
  },
  [RefundStatus.UNKNOWN]: {
    name: "Unknown state",
    meaning: "DaxPay returned a status that this version of the service does not know.",
    next: "Look up the DaxPay status below, or ask the operator of DaxPay. Do not issue a second refund.",
  },
};

const failure: Record<FailureReason, FailureMessages> = {
  [FailureReason.UNSPECIFIED]: {
    title: "No reason given",
    meaning: "The service returned a failure without a reason.",
    next: "Send the technical details to the operator of the service.",
  },
  [FailureReason.REFUND_NOT_FOUND]: {
    title: "Refund not found",
    meaning: "DaxPay has no refund with this number.",
    next: "Check the number, and whether it is DaxPay's or the merchant's.",
  },
  [FailureReason.SYNC_IN_PROGRESS]: {
    title: "Another sync is in progress",
    meaning: "DaxPay is already syncing this refund and holds its lock.",
    next: "Retry in a moment.",
  },
  [FailureReason.CHANNEL_FAILED]: {
    title: "The payment channel failed",
    meaning: "DaxPay's request to the payment channel failed, so the state is unknown. On DaxPay 2.x a refund that " +
      "WeChat Pay has closed looks like this, too.",
    next: "Retry later. This does not mean that the refund failed.",
  },
  [FailureReason.INVALID_REQUEST]: {
    title: "Invalid request",
    meaning: "The service or DaxPay rejected a field of the request.",
    next: "Correct the request.",
  },
  [FailureReason.CLOCK_SKEW]: {
    title: "The clocks differ",
    meaning: "DaxPay rejected the time of the request as too old or too new.",
    next: "The operator must synchronize the clocks of the service and DaxPay.",
  },
  [FailureReason.SIGNATURE_REJECTED]: {
    title: "DaxPay rejected the signature",
    meaning: "DaxPay did not accept the signature of the request.",
    next: "The operator must check the secret, the sign type and the DaxPay release.",
  },
  [FailureReason.NOT_CONFIGURED]: {
    title: "Not configured in DaxPay",
    meaning: "An interface, application, merchant or channel is disabled, missing or unsupported in DaxPay, or the " +
      "service is configured for another DaxPay release.",
    next: "The operator must check the configuration of DaxPay and the service.",
  },
  [FailureReason.UPSTREAM_ERROR]: {
    title: "DaxPay failed",
    meaning: "DaxPay, or a proxy in front of it, failed or is throttling requests.",
    next: "Retry later. If this persists, contact the operator of DaxPay.",
  },
  [FailureReason.UPSTREAM_UNREACHABLE]: {
    title: "DaxPay is unreachable",
    meaning: "The service cannot connect to DaxPay.",
    next: "Retry. If this persists, contact the operator of the service.",
  },
  [FailureReason.UPSTREAM_TIMEOUT]: {
    title: "DaxPay timed out",
    meaning: "DaxPay did not reply before the timeout.",
    next: "Retry later. A retry never starts a second refund.",
  },
  [FailureReason.REPLY_INTERRUPTED]: {
    title: "The connection to DaxPay broke",
    meaning: "The connection broke after the request was sent and before the reply was complete.",
    next: "Retry later. A retry never starts a second refund.",
  },
  [FailureReason.REPLY_MALFORMED]: {
    title: "Not a DaxPay reply",
    meaning: "The reply is not in DaxPay's format.",
    next: "The operator must check which server answers at DaxPay's address.",
  },
  [FailureReason.REPLY_UNVERIFIED]: {
    title: "Signature verification failed",
    meaning: "The signature of the reply is missing or wrong, so nothing in the reply can be trusted.",
    next: "The operator must check the secret, then the network. Do not act on any state until then.",
  },
  [FailureReason.REPLY_MISMATCHED]: {
    title: "The reply does not match",
    meaning: "The reply is genuine but belongs to another refund or another time.",
    next: "The operator must check the clocks, then the network. Do not act on any state until then.",
  },
  [FailureReason.RATE_LIMITED]: {
    title: "Rate limit reached",
    meaning: "The service's limit for requests is used up.",
    next: "Retry after the delay.",
  },
  [FailureReason.UNKNOWN_DAXPAY_CODE]: {
    title: "Unknown DaxPay code",
    meaning: "DaxPay returned a code that this version of the service does not know.",
    next: "Send the technical details to the operator of the service.",
  },
  [FailureReason.UNAUTHENTICATED]: {
    title: "Authentication failed",
    meaning: "The access token is missing or wrong, or could not be checked.",
    next: "Enter your access token. If it should be valid, contact the operator of the service.",
  },
  [FailureReason.PERMISSION_DENIED]: {
    title: "Permission denied",
    meaning: "Your access token does not allow this request, for example not for this account.",
    next: "Use another token, or ask the operator of the service for permission.",
  },
  [FailureReason.SHUTTING_DOWN]: {
    title: "The service is shutting down",
    meaning: "This replica of the service stopped before the request was finished.",
    next: "Retry: another replica answers at once.",
  },
  [FailureReason.DEADLINE_EXCEEDED]: {
    title: "The deadline expired",
    meaning: "The deadline of the request expired before there was a result.",
    next: "Retry. A retry never starts a second refund.",
  },
  [FailureReason.SYNC_IN_DOUBT]: {
    title: "An earlier sync is in doubt",
    meaning: "An earlier sync of this refund was sent and not answered, so DaxPay may still be processing it. Until " +
      "that is settled the service sends only queries, which change nothing, and no sync.",
    next: "Retry after the delay. Do not issue a second refund.",
  },
  [FailureReason.CIRCUIT_OPEN]: {
    title: "Requests to DaxPay are paused",
    meaning: "DaxPay failed several times in a row, so the circuit breaker is open and nothing is sent.",
    next: "Retry after the delay. If this persists, contact the operator of DaxPay.",
  },
  [FailureReason.INTERNAL]: {
    title: "Internal error",
    meaning: "The service failed because of a bug.",
    next: "Send the technical details to the operator of the service.",
  },
  [FailureReason.TRACKING_DISABLED]: {
    title: "Tracking is disabled",
    meaning: "The service runs without a database, so it cannot track refunds.",
    next: "Watch the refund here instead, or ask the operator of the service to configure a database.",
  },
  [FailureReason.STORE_UNAVAILABLE]: {
    title: "The database is unavailable",
    meaning: "The service cannot reach its database.",
    next: "Retry after the delay. If this persists, contact the operator of the service.",
  },
  [FailureReason.STORE_REPLACED]: {
    title: "The database was replaced",
    meaning: "The database is not the one that the service used before, or has lost data, so no sync is sent.",
    next: "The operator of the service must check the database and adopt it.",
  },
  [FailureReason.NOT_TRACKED]: {
    title: "The refund is not tracked",
    meaning: "No tracking of this refund was started.",
    next: "Check the number, or track the refund first.",
  },
  [FailureReason.CURSOR_EXPIRED]: {
    title: "The events were deleted",
    meaning: "The events after this cursor are older than the service keeps them.",
    next: "Continue from the oldest event.",
  },
};

const delivery: Record<Delivery, string> = {
  [Delivery.UNSPECIFIED]: "Unknown.",
  [Delivery.NOT_SENT]: "No: no sync of this request reached DaxPay.",
  [Delivery.IN_DOUBT]: "Unknown: it was sent and no reply was received. DaxPay may have processed it.",
  [Delivery.ANSWERED]: "Yes: DaxPay, or another server at its address, replied.",
};

const step: Record<Step, string> = {
  [Step.UNSPECIFIED]: "None: no request to DaxPay was about to be sent.",
  [Step.QUERY]: "The query before the sync, which changes nothing.",
  [Step.SYNC]: "The sync.",
  [Step.CONFIRM]: "The query after the sync, which changes nothing.",
};

const binding: Record<Binding, string> = {
  [Binding.UNSPECIFIED]: "Not specified.",
  [Binding.SECRET_ONLY]: "The state, signed with DaxPay's secret. The signed reply names no refund.",
  [Binding.REFUND]: "The state and the refund: the signed reply names this refund.",
  [Binding.REQUEST]: "The state and the request: the signed reply repeats the identifier of this request.",
};

const doubt: Record<DoubtKind, string> = {
  scientific: "Scientific notation: a spreadsheet has rounded this number.",
  error: "A spreadsheet error, not a number.",
  formula: "A formula, not a number.",
  rounded: "Only zeros after the 15th digit: a spreadsheet may have rounded this number.",
  date: "A date or time: a spreadsheet may have converted this number.",
  amount: "An amount, not a refund number?",
  heading: "A heading or total, not a refund number?",
  placeholder: "A placeholder for an empty cell?",
};

/** Every text of the page. Arguments are strings or integers, never markup. */
export const en = {
  locale: "en",
  languageTag: "en",
  title: "DaxPay refunds",
  skip: "Skip to content",
  nav: { label: "Sections", sync: "Sync", watch: "Watch", batch: "Batch" },
  language: "语言 Language",
  status,
  failure,
  delivery,
  step,
  binding,
  doubt,
  otherError: {
    title: "The service failed",
    meaning: "The service returned an error that says nothing about the refund.",
    next: "Retry. If this persists, send the technical details to the operator of the service.",
  },
  connectionError: {
    title: "The service is unreachable",
    meaning: "The connection between this page and the service failed.",
    next: "Check your network and retry. A retry never starts a second refund.",
  },
  form: {
    syncHeading: "Sync a refund",
    watchHeading: "Watch a refund until it is final",
    number: "Refund number",
    hint: "Paste a number anywhere on the page to start at once.",
    kind: "Kind of number",
    refundNo: "DaxPay's",
    bizRefundNo: "The merchant's",
    more: "More options",
    clientIp: "IP address of the customer (optional; some WeChat Pay channels require one)",
    sync: "Sync",
    watch: "Watch",
    missing: "Enter a refund number.",
    doubtAdvice: "Copy the number from DaxPay, or format the column as text before you export it.",
    confirm: "Use this number anyway",
  },
  sync: {
    running: (time: string) => `Waiting for DaxPay … ${time}`,
    cancel: "Cancel",
    canceled: "Canceled.",
    again: "Sync again",
    watch: "Watch this refund",
  },
  refund: {
    final: "Final",
    notFinal: "Not final",
    next: "What to do",
    nextSyncIn: (time: string) => `It can be synced again in ${time}.`,
    nextSyncNow: "It can be synced again now.",
    daxpayStatus: "DaxPay status",
    amount: "Amount",
    channel: "Payment channel",
    errorMessage: "DaxPay's reason",
    finishTime: "Finished",
    unchangedSince: "Unchanged since",
    replyTime: "DaxPay replied",
    refundNo: "DaxPay's refund number",
    bizRefundNo: "Merchant's refund number",
    orderNo: "Payment order number",
    account: "Account",
    binding: "Signature covers",
    traceId: "DaxPay trace ID",
    none: "none",
    contradiction: "Contradiction",
    contradicts: (state: string, time: string) =>
      `This page received “${state}” as the final state of this refund at ${time}. On DaxPay 3.x the refund may have ` +
      "been booked twice.",
    checkOrder: "Check the payment order and its refundable balance in DaxPay first.",
  },
  failed: {
    next: "What to do",
    retry: "Retry",
    retryIn: (time: string) => `You can retry in ${time}.`,
    retryNow: "You can retry now.",
    notRetryable: "A retry would fail again.",
    received: "Received by DaxPay?",
    step: "Failed step",
    details: "Technical details",
    reason: "Reason",
    code: "Code",
    delivery: "Delivery",
    message: "Message",
    daxpayCode: "DaxPay code",
    daxpayMessage: "DaxPay message",
  },
  watch: {
    starting: "Starting …",
    nextIn: (time: string) => `Next attempt in about ${time}`,
    nextNow: "Next attempt is due",
    reconnectingIn: (time: string) => `Connection lost. Reconnecting in ${time}`,
    reconnecting: "Reconnecting …",
    disconnected: "Connection lost",
    reconnected: "Reconnected",
    ended: "The watch has ended: the state is final.",
    failed: "The watch has ended without a final state.",
    stopped: "Stopped.",
    stop: "Stop",
    start: "Watch again",
    timeline: "Attempts, newest first",
    attempt: (number: number) => `Attempt ${number}`,
  },
  batch: {
    heading: "Sync a list of refunds",
    list: "Refund numbers, one per line or separated by commas, or a CSV table",
    file: "Choose a file, or drop one on this page",
    column: "Column",
    allColumns: "All columns",
    columnNumber: (number: number) => `Column ${number}`,
    count: (count: string) => `${count} refund numbers`,
    doubtful: (count: string) => `${count} doubtful numbers`,
    doubtfulAdvice:
      "These are not synced unless you confirm them. If a spreadsheet changed them, format the column as " +
      "text and export it again.",
    confirm: (count: string) => `Sync the ${count} doubtful numbers as well`,
    skipped: (count: string) => `${count} skipped`,
    line: (line: string) => `Line ${line}`,
    reasons: {
      comment: "A comment.",
      separator: "Declares the separator.",
      title: "Above the column names.",
      header: "Column names.",
      empty: "No number in this column.",
      lineBreak: "A line break within quotes.",
      duplicate: "A duplicate.",
    },
    start: (count: string) => `Sync ${count} refunds`,
    stop: "Stop",
    retry: (count: string) => `Retry ${count} without a state`,
    save: "Save as CSV",
    clear: "New list",
    progress: (done: string, all: string) => `${done} of ${all} done`,
    finished: (all: string) => `All ${all} done.`,
    finishedWithout: (all: string, count: string) => `All ${all} done, ${count} without a state.`,
    stopped: "Stopped.",
    show: "Show",
    all: "All",
    waiting: "Waiting",
    noState: "No state",
    noResult: "No result",
    search: "Search the results",
    table: "Results",
    columns: {
      number: "Number",
      outcome: "State",
      daxpayStatus: "DaxPay status",
      replyTime: "Replied",
      daxpayTraceId: "DaxPay trace ID",
    },
    sortBy: (column: string) => `Sort by ${column}`,
    sorted: {
      ascending: (column: string) => `Sorted by ${column}, ascending`,
      descending: (column: string) => `Sorted by ${column}, descending`,
      none: (_column: string) => "In the order of the list",
    },
    keys: "↑ ↓ Home End: move between rows",
    skip: "Skip the rows",
    shown: (shown: string, all: string) => `${shown} of ${all} shown`,
    more: (count: string) => `Show ${count} more`,
    noMatch: "No matches.",
    notText: "Not a text file.",
  },
  token: {
    heading: "Access token",
    missing: "The service requires an access token. Ask its operator for one.",
    wrong: "The service rejected this token. Check it, or ask for a new one.",
    label: "Token",
    note: "Kept in this tab only and deleted when you close it.",
    use: "Use this token",
    forget: "Delete the token",
    invalid: "A token has no spaces and only ASCII characters.",
  },
  commands: {
    heading: "The same request on the command line",
    note: "Set the variable TOKEN to your token first.",
    bufCurl: "buf curl (gRPC port, schema by reflection)",
    curl: "curl (this page's address)",
  },
  copy: { do: "Copy", done: "Copied", select: "Selected: press Ctrl+C", label: (what: string) => `Copy: ${what}` },
};

/** The shape that every language fills. */
export type Messages = typeof en;
