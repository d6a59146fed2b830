import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { ADMIN_PREFIX, administer } from "./admin.ts";
import { answer } from "./answer.ts";
import { createDateHeader, readBody, send, sendHalf } from "./exchange.ts";
import { type FaultName, FAULTS } from "./fault.ts";
import { type ActiveFault, createFaults, type FaultTarget } from "./faults.ts";
import { contextOf, type SandboxOptions } from "./options.ts";
import { html } from "./page.ts";
import { keep, type Recorded } from "./record.ts";
import { findRefund } from "./refunds.ts";
import { createTimers } from "./timers.ts";

export interface Sandbox {
  readonly url: string;
  /** The requests to DaxPay, oldest first; at least the last 10,000. */
  readonly requests: readonly Recorded[];
  /** The most requests that were under way at once. */
  readonly maxConcurrent: number;
  resetMaxConcurrent(): void;
  /** Breaks answers. A fault set for a number precedes the number's own, and that one a fault set for all. */
  setFault(fault: FaultName, target?: FaultTarget): void;
  clearFaults(): void;
  /** Forgets requests, faults, how far refunds have come, and their locks. */
  forget(): void;
  /** Ends every connection and timer, also of requests that hang. */
  close(): Promise<void>;
}

const DEFAULT_DELAY_MS = 2_000;

/** Starts an embedded DaxPay. It does what anybody who reaches it says: for development and tests only. */
export async function createSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { host = "127.0.0.1", port = 0, now = Date.now } = options;
  const timers = createTimers();
  const context = contextOf(options, timers.wait);
  const faults = createFaults();
  const date = createDateHeader(now);
  const requests: Recorded[] = [];
  const sockets = new Set<Socket>();
  let inFlight = 0;
  let maxConcurrent = 0;

  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const path = request.url?.split("?", 1)[0] ?? "/";
    if (path.startsWith(ADMIN_PREFIX)) return readBody(request, (body) => admin(request, response, { path, body }));
    if (faults.takeEarly()) return void request.socket.resetAndDestroy();
    maxConcurrent = Math.max(maxConcurrent, ++inFlight);
    response.once("close", () => inFlight--);
    readBody(request, (body) => {
      serve(request, response, { path, body }).catch((error) => {
        console.error("The sandbox itself failed", error);
        send(response, html(500, "The sandbox itself failed"), date());
      });
    });
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    if (faults.takeEarly()) socket.resetAndDestroy();
  });

  async function serve({ method = "", headers }: IncomingMessage, response: ServerResponse, { path, body }: Sent) {
    const json = parsed(body);
    const members = isObject(json) ? json : undefined;
    const recorded: Recorded = { time: now(), method, path, body, members, outcome: undefined };
    keep(requests, recorded);
    const active = faultOf(members);
    const fault = active && FAULTS[active.name];
    switch (fault?.kind) {
      case "silence":
        recorded.outcome = { fault: active?.name };
        return;
      case "reset":
        recorded.outcome = { fault: active?.name };
        response.socket?.resetAndDestroy();
        return;
      case "page": {
        const page = fault.page(active?.detail ?? {});
        recorded.outcome = { httpStatus: page.status, fault: active?.name };
        return send(response, page, date());
      }
      case "delay":
        await timers.wait(active?.detail.delayMs ?? DEFAULT_DELAY_MS);
    }
    const contentType = headers["content-type"] ?? "";
    const { page, outcome } = await answer({ method, path, contentType, json }, context, active);
    recorded.outcome = active ? { ...outcome, fault: active.name } : outcome;
    if (fault?.kind === "cut") sendHalf(response, page, date());
    else send(response, page, date());
  }

  function faultOf(members: Record<string, unknown> | undefined): ActiveFault | undefined {
    const refundNo = textOf(members?.refundNo);
    const bizRefundNo = textOf(members?.bizRefundNo);
    const row = findRefund({ refundNo, bizRefundNo });
    const own = row && "fault" in row.behaviour ? { name: row.behaviour.fault, detail: {} } : undefined;
    return faults.take([refundNo, bizRefundNo, row?.refundNo]) ?? own ?? faults.takeGlobal();
  }

  function admin({ method = "", headers }: IncomingMessage, response: ServerResponse, { path, body }: Sent) {
    const contentType = headers["content-type"] ?? "";
    const steering = { requests, setFault, clearFaults: faults.clear };
    send(response, administer({ method, path, contentType, body }, steering), date());
  }

  function setFault(name: FaultName, target?: FaultTarget): void {
    faults.set(name, target);
    // So that the next request needs a new connection, and meets the fault there.
    if (FAULTS[name].kind === "connect") server.closeIdleConnections();
  }

  function forget(): void {
    requests.length = 0;
    faults.clear();
    context.books.forget();
  }

  async function close(): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    timers.end();
    await closed;
  }

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve());
  });
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${taken}`,
    requests,
    get maxConcurrent() {
      return maxConcurrent;
    },
    resetMaxConcurrent: () => void (maxConcurrent = inFlight),
    setFault,
    clearFaults: faults.clear,
    forget,
    close,
  };
}

interface Sent {
  readonly path: string;
  readonly body: string;
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined; // told in the release's own words later
  }
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
