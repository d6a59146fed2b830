import { Code } from "@connectrpc/connect";
import { RefundStatus } from "../../gen/daxpay/refundsync/v1/refund_pb.ts";
import { Delivery, FailureReason } from "../../gen/daxpay/refundsync/v1/sync_failure_pb.ts";

/** What the page says of a refund's status. */
export interface StatusWords {
  readonly name: string;
  readonly meaning: string;
  readonly next: string;
}

/** What the page says of a failure. */
export interface FailureWords {
  readonly title: string;
  readonly what: string;
  readonly next: string;
}

const statuses: Record<RefundStatus, StatusWords> = {
  [RefundStatus.UNSPECIFIED]: {
    name: "No status",
    meaning: "The service sent no status.",
    next: "Sync again. If this stays, tell those who run the service.",
  },
  [RefundStatus.IN_PROGRESS]: {
    name: "In progress",
    meaning: "The payment channel is still working on this refund.",
    next: "Wait and sync again, or watch it and be told. Do not refund a second time.",
  },
  [RefundStatus.SUCCEEDED]: {
    name: "Succeeded",
    meaning: "The payment channel has returned the money.",
    next: "Nothing more to do here. A customer who sees no money yet waits for their own bank or wallet.",
  },
  [RefundStatus.FAILED]: {
    name: "Failed",
    meaning: "The payment channel did not return the money.",
    next: "Find the reason in DaxPay before anyone refunds again.",
  },
  [RefundStatus.CLOSED]: {
    name: "Closed",
    meaning: "The refund was closed without returning money.",
    next: "If the customer is still owed the money, a new refund has to be started in DaxPay.",
  },
  [RefundStatus.NOT_FOUND_AT_CHANNEL]: {
    name: "Not at the channel",
    meaning: "The payment channel does not know this refund.",
    next: "Check in DaxPay whether the refund ever left. It has returned no money.",
  },
  [RefundStatus.UNKNOWN]: {
    name: "Unknown word",
    meaning: "DaxPay answered with a word that this version does not know. Nothing follows from it.",
    next: "Read DaxPay's own word below and ask those who run DaxPay.",
  },
};

const failures: Record<FailureReason, FailureWords> = {
  [FailureReason.UNSPECIFIED]: {
    title: "No reason given",
    what: "The service gave no reason.",
    next: "Pass the technical details to those who run the service.",
  },
  [FailureReason.REFUND_NOT_FOUND]: {
    title: "DaxPay has no such refund",
    what: "DaxPay looked and knows no refund with this number.",
    next: "Check the number, and whether it is DaxPay's or the merchant's.",
  },
  [FailureReason.SYNC_IN_PROGRESS]: {
    title: "Somebody else is syncing it",
    what: "DaxPay is syncing this refund already and holds its lock.",
    next: "Try again in a moment.",
  },
  [FailureReason.CHANNEL_FAILED]: {
    title: "The payment channel gave no answer",
    what: "DaxPay asked the payment channel and did not learn the refund's state.",
    next: "Try again later. This says nothing about the refund itself.",
  },
  [FailureReason.INVALID_REQUEST]: {
    title: "The request was refused",
    what: "Something in the request breaks the rules.",
    next: "Correct the number or the address and try again.",
  },
  [FailureReason.CLOCK_SKEW]: {
    title: "The clocks differ",
    what: "DaxPay found the time of the request too old or too new.",
    next: "Those who run the service must set its clock, or DaxPay's.",
  },
  [FailureReason.SIGNATURE_REJECTED]: {
    title: "DaxPay refused our signature",
    what: "DaxPay did not accept the signature of this service.",
    next: "Those who run the service must check secret, algorithm and DaxPay release.",
  },
  [FailureReason.NOT_CONFIGURED]: {
    title: "Switched off in DaxPay",
    what: "An interface, application, merchant or channel is off or unsupported in DaxPay.",
    next: "Those who run DaxPay must switch it on.",
  },
  [FailureReason.UPSTREAM_ERROR]: {
    title: "DaxPay broke",
    what: "DaxPay, or a proxy before it, broke or asked for patience.",
    next: "Try again later. If this stays, tell those who run DaxPay.",
  },
  [FailureReason.UPSTREAM_UNREACHABLE]: {
    title: "DaxPay cannot be reached",
    what: "There is no connection from the service to DaxPay.",
    next: "Try again. If this stays, tell those who run the service.",
  },
  [FailureReason.UPSTREAM_TIMEOUT]: {
    title: "DaxPay did not answer in time",
    what: "The request was sent and no answer came.",
    next: "Try again: a sync moves no money.",
  },
  [FailureReason.REPLY_INTERRUPTED]: {
    title: "The answer was cut off",
    what: "The connection to DaxPay broke after the request was sent.",
    next: "Try again: a sync moves no money.",
  },
  [FailureReason.REPLY_MALFORMED]: {
    title: "That was no answer of DaxPay's",
    what: "Something answered, but not in DaxPay's language.",
    next: "Those who run the service must check what answers at DaxPay's address.",
  },
  [FailureReason.REPLY_UNVERIFIED]: {
    title: "The answer cannot be believed",
    what: "The signature of the answer is missing or wrong, so nothing in it counts.",
    next: "Those who run the service must check the secret. Believe no state until then.",
  },
  [FailureReason.REPLY_MISMATCHED]: {
    title: "The answer belongs to something else",
    what: "The answer is genuine, but of another refund or another time.",
    next: "Those who run the service must look into it. Believe no state until then.",
  },
  [FailureReason.RATE_LIMITED]: {
    title: "The service is busy",
    what: "The service may ask DaxPay only so often, and that is used up.",
    next: "Try again in a moment.",
  },
  [FailureReason.UNKNOWN_DAXPAY_CODE]: {
    title: "DaxPay gave an unknown code",
    what: "DaxPay answered with a code that this version does not know.",
    next: "Pass the technical details to those who run DaxPay.",
  },
};

const deliveries: Record<Delivery, string> = {
  [Delivery.UNSPECIFIED]: "Whether DaxPay heard of it is not known.",
  [Delivery.NOT_SENT]: "DaxPay has not heard of it.",
  [Delivery.IN_DOUBT]: "It was sent, but no answer was seen: DaxPay may have acted on it.",
  [Delivery.ANSWERED]: "DaxPay, or something at its address, answered.",
};

/** Errors that tell nothing about DaxPay. What is not listed is told as `otherError`. */
const errors: Partial<Record<Code, FailureWords>> = {
  [Code.Unauthenticated]: {
    title: "A token is needed",
    what: "The service wants to know who is asking.",
    next: "Enter your access token.",
  },
  [Code.PermissionDenied]: {
    title: "Not allowed",
    what: "Your token does not allow this.",
    next: "Ask those who run the service, or use another token.",
  },
  [Code.InvalidArgument]: {
    title: "The request breaks the rules",
    what: "The service refused the request before DaxPay heard of it.",
    next: "Correct what stands below and try again.",
  },
  [Code.ResourceExhausted]: {
    title: "The service is busy",
    what: "The service takes no more calls at the moment.",
    next: "Try again in a moment.",
  },
  [Code.DeadlineExceeded]: {
    title: "The service did not answer in time",
    what: "The time for the call is over.",
    next: "Try again: a sync moves no money.",
  },
};

/** Every text of the page. Numbers come in as text or as plain numbers, never as markup. */
export const en = {
  tag: "en",
  locale: "en",
  title: "DaxPay refunds",
  skip: "Skip to the content",
  nav: { label: "Sections", sync: "Sync", watch: "Watch", batch: "Batch" },
  language: "语言 Language",
  status: statuses,
  failure: failures,
  delivery: deliveries,
  error: errors,
  otherError: {
    title: "The service failed",
    what: "The service answered with an error that tells nothing about the refund.",
    next: "Try again. If this stays, pass the technical details to those who run the service.",
  },
  lineLost: {
    title: "The service cannot be reached",
    what: "The connection between this page and the service failed.",
    next: "Check your network and try again: a sync moves no money.",
  },
  retry: {
    in: (time: string) => `You can try again in ${time}.`,
    now: "You can try again now.",
    useless: "Trying again will not help.",
    button: "Try again",
  },
  form: {
    syncHeading: "What became of a refund?",
    watchHeading: "Follow a refund to its end",
    number: "Refund number",
    hint: "Paste a number anywhere on the page to start at once.",
    kind: "Whose number is it?",
    refundNo: "DaxPay's",
    bizRefundNo: "The merchant's",
    more: "More",
    clientIp: "IP address of the customer (optional; WeChat Pay asks for one)",
    sync: "Sync now",
    watch: "Watch",
    missing: "Enter a refund number.",
  },
  sync: {
    asking: (time: string) => `Asking DaxPay … ${time}`,
    cancel: "Cancel",
    canceled: "Canceled.",
    again: "Sync again",
    watch: "Watch it",
    final: "Final",
    passing: "May still change",
    refundNo: "DaxPay's number",
    bizRefundNo: "Merchant's number",
    daxpayWord: "DaxPay says",
    repliedAt: "DaxPay answered",
    traceId: "Trace id",
    none: "none",
    next: "What to do",
    before: (time: string) => `DaxPay should not be asked again before ${time} have passed.`,
    askable: "DaxPay may be asked again now.",
  },
  failed: {
    heard: "Did DaxPay hear of it?",
    again: "Try again?",
    next: "What to do",
    details: "Technical details",
    reason: "Reason",
    code: "Code",
    deliveryName: "Delivery",
    daxpayCode: "DaxPay's code",
    daxpayText: "DaxPay's text",
    message: "Message",
  },
  watch: {
    starting: "Beginning to watch …",
    next: (time: string) => `Next attempt in about ${time}`,
    soon: "Next attempt any moment now",
    reconnecting: (time: string) => `Connection lost. Connecting again in ${time}`,
    reconnect: "Connecting again …",
    lost: "Connection lost",
    back: "Connected again",
    ended: "The watch has ended: this state is final.",
    failed: "The watch has ended without a final state.",
    stopped: "The watch was stopped.",
    stop: "Stop watching",
    start: "Watch again",
    timeline: "What each attempt learned, newest first",
    attempt: (number: number) => `Attempt ${number}`,
  },
  batch: {
    heading: "Sync many refunds",
    list: "Refund numbers, one a line, or a table as CSV",
    file: "Choose a file, or drop one on this page",
    column: "Column",
    columnNumber: (number: number) => `Column ${number}`,
    found: (count: string) => `${count} refund numbers`,
    repeated: (count: string) => `${count} repeated, asked once`,
    start: (count: string) => `Sync ${count} refunds`,
    stop: "Stop",
    retry: (count: string) => `Try ${count} failed again`,
    save: "Save as CSV",
    clear: "New list",
    done: (done: string, all: string) => `${done} of ${all} done`,
    finished: (all: string) => `All ${all} done.`,
    finishedBut: (all: string, missing: string) => `All ${all} done, ${missing} without a state.`,
    stopped: "Stopped.",
    show: "Show",
    all: "All",
    waiting: "Waiting",
    failures: "No state",
    search: "Search in the results",
    table: "Results",
    columns: { number: "Number", outcome: "Outcome", word: "DaxPay says", time: "Answered", trace: "Trace id" },
    sortBy: (column: string) => `Sort by ${column}`,
    sorted: {
      ascending: (column: string) => `Sorted by ${column}, ascending`,
      descending: (column: string) => `Sorted by ${column}, descending`,
      none: (_column: string) => "In the order of the list",
    },
    keys: "↑ ↓ Home End go from row to row",
    skip: "Skip the rows",
    shown: (shown: string, all: string) => `${shown} of ${all} shown`,
    more: (count: string) => `Show ${count} more`,
    nothing: "Nothing matches.",
    unanswered: "No answer",
    unreadable: "This file is no text.",
  },
  token: {
    heading: "Access token",
    missing: "The service asks for an access token. You get one from those who run it.",
    wrong: "The service did not accept this token. Check it, or ask for a new one.",
    label: "Token",
    note: "Kept in this tab only, and forgotten when you close it.",
    use: "Use this token",
    forget: "Forget the token",
    invalid: "A token has no spaces and only plain characters.",
  },
  commands: {
    heading: "The same call on the command line",
    note: "With a token, put it into the variable TOKEN first.",
    bufCurl: "buf curl (gRPC port, knows the schema by reflection)",
    curl: "curl (this page's own address)",
  },
  copy: { do: "Copy", done: "Copied", select: "Selected: now press Ctrl+C", what: (what: string) => `Copy: ${what}` },
};

/** The shape that every language fills. */
export type Words = typeof en;
