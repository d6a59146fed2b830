import { ADMIN_PREFIX, handleAdmin } from "./admin.ts";
import { FAULTS } from "./fault.ts";
import { type ActiveFault, createFaults } from "./faults.ts";
import type { HttpRequest, HttpResponse } from "./http.ts";
import { contextOf, type ServerOptions } from "./options.ts";
import { record, type Recorded, type RecordedOutcome } from "./record.ts";
import { namedRefund } from "./refunds.ts";
import type { EndpointKind } from "./endpoint.ts";
import { endpointAt, respond } from "./respond.ts";
import type { Steering } from "./steering.ts";
import { createTimers } from "./timers.ts";

export interface DaxPayServer extends Steering {
  /**
   * Processes a request as `fetch` would over a network. What breaks a connection rejects it; what never replies keeps
   * it pending. An aborted request rejects at once, but is processed to its end.
   */
  fetch(request: Request): Promise<Response>;
  /** Processes a request and returns how to deliver the reply. */
  handle(incoming: HttpRequest): Promise<Delivery>;
  /** Consumes a fault that precedes the request. */
  takeConnectFault(): boolean;
  /** Counts a request as under way until the returned function is called. */
  enter(): () => void;
  /** The time of replies' `Date` header. */
  now(): number;
  /** Ends every wait, and rejects requests that are kept pending. */
  close(): void;
}

/** How a reply leaves the server. `cut` sends half of it, `reset` and `silence` nothing. */
export type Delivery = DeliveredResponse | { readonly kind: "reset" | "silence" };

interface DeliveredResponse {
  readonly kind: "response" | "cut";
  readonly response: HttpResponse;
}

const DEFAULT_DELAY_MS = 2_000;

/** Creates an embedded DaxPay without a socket. It authenticates no one: for development and tests only. */
export function createDaxPayServer(options: ServerOptions = {}): DaxPayServer {
  const timers = createTimers();
  const { context, actors, nonces, notices } = contextOf(options, timers.wait);
  const { ledger, locks, now, release } = context;
  const faults = createFaults();
  const requests: Recorded[] = [];
  const closed = new AbortController();
  let inFlight = 0;
  let maxConcurrent = 0;

  async function handle(request: HttpRequest): Promise<Delivery> {
    const { method, path, body } = request;
    if (path.startsWith(ADMIN_PREFIX)) return { kind: "response", response: await handleAdmin(request, steering) };
    const json = parse(body);
    const members = isObject(json) ? json : undefined;
    const endpoint = endpointAt(path, release)?.kind;
    const recorded: Recorded = { time: now(), method, path, endpoint, body, members, outcome: undefined };
    record(requests, recorded);
    const active = faultOf(members, endpoint);
    const fault = active && FAULTS[active.name];
    const note = (outcome: RecordedOutcome) => {
      recorded.outcome = active ? { ...outcome, fault: active.name } : outcome;
    };
    switch (fault?.kind) {
      case "silence":
      case "reset":
        note({});
        return { kind: fault.kind };
      case "page": {
        const response = fault.page(active?.detail ?? {});
        note({ httpStatus: response.status });
        return { kind: "response", response };
      }
      case "delay":
        await timers.wait(active?.detail.delayMs ?? DEFAULT_DELAY_MS);
    }
    const { response, outcome } = await respond({ ...request, json }, context, active);
    note(outcome);
    switch (fault?.kind) {
      case "lost":
        return { kind: "reset" };
      case "unanswered":
        return { kind: "silence" };
      case "cut":
        return { kind: "cut", response };
      default:
        return { kind: "response", response };
    }
  }

  function faultOf(members: Record<string, unknown> | undefined, endpoint: EndpointKind | undefined) {
    const refundNo = stringOf(members?.refundNo);
    const bizRefundNo = stringOf(members?.bizRefundNo);
    const named = refundNo?.trim() ? namedRefund("refundNo", refundNo) : namedRefund("bizRefundNo", bizRefundNo ?? "");
    // A named fault breaks the sync only, so that a query before it succeeds.
    const own: ActiveFault | undefined = named?.fault && endpoint !== "query"
      ? { name: named.fault, detail: {} }
      : undefined;
    return faults.take([refundNo, bizRefundNo, named?.refundNo], endpoint) ?? own ?? faults.takeGlobal(endpoint);
  }

  function enter(): () => void {
    maxConcurrent = Math.max(maxConcurrent, ++inFlight);
    return () => void inFlight--;
  }

  async function fetch(request: Request): Promise<Response> {
    request.signal.throwIfAborted();
    if (faults.takeEarly()) throw new TypeError("error sending request: client error (Connect): connection reset");
    const leave = enter();
    const processed = request.text().then((body) => {
      const { pathname: path } = new URL(request.url);
      return handle({ method: request.method, path, body, header: (name) => request.headers.get(name) ?? undefined });
    });
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const abort = () => reject(request.signal.reason);
    const end = () => reject(brokenConnection("the server was closed"));
    request.signal.addEventListener("abort", abort);
    closed.signal.addEventListener("abort", end);
    processed.then((delivery) => {
      switch (delivery.kind) {
        case "reset":
          return reject(brokenConnection("connection reset by peer"));
        case "silence":
          return;
        default:
          return resolve(responseOf(delivery, now()));
      }
    }).catch(reject);
    try {
      return await promise;
    } finally {
      leave();
      request.signal.removeEventListener("abort", abort);
      closed.signal.removeEventListener("abort", end);
    }
  }

  function reset(): void {
    requests.length = 0;
    faults.clear();
    ledger.reset();
    locks.reset();
    nonces.reset();
    notices.reset();
  }

  function close(): void {
    timers.end();
    notices.close();
    closed.abort();
  }

  const steering: Omit<Steering, "maxConcurrent" | "resetMaxConcurrent"> = {
    ...actors,
    requests,
    setFault: faults.set,
    clearFaults: faults.clear,
    addRefund: ledger.add,
    setChannel: ledger.setChannel,
    refund(refundNo) {
      const refund = ledger.get(refundNo);
      return refund && ledger.view(refund);
    },
    notices: notices.sent,
    sendNotice: notices.send,
    refunds: () => [...ledger.all()].map(ledger.view),
    reset,
  };

  return {
    ...steering,
    get maxConcurrent() {
      return maxConcurrent;
    },
    resetMaxConcurrent: () => void (maxConcurrent = inFlight),
    fetch,
    handle,
    takeConnectFault: faults.takeEarly,
    enter,
    now,
    close,
  };
}

/** Worded as Deno's fetch does it. */
function brokenConnection(why: string): TypeError {
  return new TypeError(`error sending request: client error (SendRequest): connection error: ${why}`);
}

function responseOf({ kind, response }: DeliveredResponse, now: number): Response {
  const { status, type, body, headers } = response;
  const init = { status, headers: { "content-type": type, date: new Date(now).toUTCString(), ...headers } };
  if (kind === "cut") return new Response(halfOf(body), init);
  return new Response(status === 204 ? null : body, init);
}

function halfOf(body: string): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(body);
  let sent = false;
  return new ReadableStream({
    pull(controller) {
      // Worded as Deno's fetch does it.
      if (sent) return controller.error(new TypeError("error reading a body from connection: unexpected end of file"));
      sent = true;
      controller.enqueue(bytes.subarray(0, Math.floor(bytes.length / 2)));
    },
  });
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined; // reported in the release's own words later
  }
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function stringOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
