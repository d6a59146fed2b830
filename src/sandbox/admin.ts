import { z } from "zod";
import { CALLBACK_STATUSES, JOBS } from "./actors.ts";
import { type FaultName, FAULTS } from "./fault.ts";
import { type HttpRequest, type HttpResponse, JSON_TYPE } from "./http.ts";
import { LOCAL_STATUSES, SCENARIOS } from "./refunds.ts";
import type { Steering } from "./steering.ts";

/** Paths with this prefix are the sandbox's own; no DaxPay has them. */
export const ADMIN_PREFIX = "/sandbox/";

export type AdminTarget = Omit<Steering, "maxConcurrent" | "resetMaxConcurrent">;

const text = z.string().min(1).max(100);
const fen = z.int().min(0);
const ms = z.int().min(0);

const FAULT = z.strictObject({
  fault: z.enum(Object.keys(FAULTS) as [FaultName, ...FaultName[]]),
  refundNo: text.optional(),
  endpoint: z.enum(["sync", "query"]).optional(),
  times: z.int().optional(),
  delayMs: ms.optional(),
  retryAfterSeconds: z.number().optional(),
  code: z.number().optional(),
  text: z.string().optional(),
});

const STATE = z.enum(SCENARIOS);

const REFUND = z.strictObject({
  refundNo: text,
  bizRefundNo: text.optional(),
  orderNo: text.optional(),
  appId: text.optional(),
  mchNo: text.optional(),
  channel: text.optional(),
  status: z.enum(LOCAL_STATUSES).optional(),
  state: z.union([STATE, z.array(STATE)]).optional(),
  error: z.string().nullable().optional(),
  latencyMs: ms.optional(),
  amount: fen.optional(),
  orderAmount: fen.optional(),
  refundableBalance: fen.optional(),
  requestedAt: ms.optional(),
  orderMissing: z.boolean().optional(),
  noticeUrl: z.url({ protocol: /^https?$/ }).optional(),
});

const CHANNEL = z.strictObject({
  refundNo: text,
  state: STATE,
  latencyMs: ms.optional(),
  error: z.string().nullable().optional(),
});

const JOB = z.strictObject({ job: z.enum(JOBS).optional() });
const CALLBACK = z.strictObject({ refundNo: text, status: z.enum(CALLBACK_STATUSES) });
const NOTICE = z.strictObject({
  refundNo: text,
  subscribed: z.boolean().optional(),
  previousKey: z.boolean().optional(),
});
const NUMBER = z.strictObject({ refundNo: text });

interface Call {
  readonly description: string;
  readonly run: (target: AdminTarget, json: unknown) => unknown;
}

/** A call whose body is validated. */
function post<Input>(
  description: string,
  schema: z.ZodType<Input>,
  run: (target: AdminTarget, input: Input) => unknown,
) {
  return { description, run: (target: AdminTarget, json: unknown) => run(target, schema.parse(json)) };
}

/** The calls that steer the sandbox, by method and path. What they return is sent as JSON; nothing is sent as 204. */
export const ADMIN_CALLS: Readonly<Record<string, Call>> = {
  "GET /sandbox/requests": {
    description: "the requests to DaxPay, oldest first",
    run: ({ requests }) => requests,
  },
  "GET /sandbox/refunds": {
    description: "refunds that were used: status, amount and the order's refundable balance in fen, credits, syncs",
    run: (target) => target.refunds(),
  },
  "GET /sandbox/refunds/{refundNo}": {
    description: "one of them",
    run: (target, refundNo) => target.refund(String(refundNo)),
  },
  "POST /sandbox/refunds": post(
    "adds a refund, e.g. {refundNo, channel, status, state, amount, orderNo, refundableBalance, noticeUrl}",
    REFUND,
    (target, refund) => target.addRefund(refund),
  ),
  "POST /sandbox/channel": post(
    "sets what the channel answers, {refundNo, state, latencyMs, error}",
    CHANNEL,
    (target, { refundNo, ...setting }) => target.setChannel(refundNo, setting),
  ),
  "POST /sandbox/jobs": post(
    "runs DaxPay's sync job, {job}",
    JOB,
    async (target, { job }) => ({ synced: await target.runJob(job) }),
  ),
  "POST /sandbox/callbacks": post(
    "receives the channel's callback, {refundNo, status}",
    CALLBACK,
    (target, { refundNo, status }) => ({ result: target.callback(refundNo, status) }),
  ),
  "POST /sandbox/syncs": post(
    "syncs a refund in DaxPay's console, {refundNo}",
    NUMBER,
    async (target, { refundNo }) => ({ result: await target.syncInConsole(refundNo) }),
  ),
  "POST /sandbox/closings": post(
    "closes a failed refund in DaxPay's console, {refundNo}",
    NUMBER,
    (target, { refundNo }) => ({ result: target.closeRefund(refundNo) }),
  ),
  "GET /sandbox/notices": {
    description: "the notices that were sent, oldest first",
    run: ({ notices }) => notices,
  },
  "POST /sandbox/notices": post(
    "sends the notice of a refund that has ended, {refundNo, subscribed, previousKey}",
    NOTICE,
    async (target, { refundNo, ...variant }) => ({ result: await target.sendNotice(refundNo, variant) }),
  ),
  "POST /sandbox/faults": post(
    "breaks replies, {fault, refundNo, endpoint, times}",
    FAULT,
    (target, { fault, ...detail }) => target.setFault(fault, detail),
  ),
  "DELETE /sandbox/faults": { description: "clears the faults", run: (target) => target.clearFaults() },
  "DELETE /sandbox/refunds": {
    description: "drops requests, notices, faults, locks and every refund's state",
    run: (target) => target.reset(),
  },
};

/** Serves the calls that steer the sandbox. */
export async function handleAdmin(request: HttpRequest, target: AdminTarget): Promise<HttpResponse> {
  const { method, path, body } = request;
  const [, refundNo] = /^\/sandbox\/refunds\/(.+)$/.exec(path) ?? [];
  const name = refundNo && method === "GET" ? "GET /sandbox/refunds/{refundNo}" : `${method} ${path}`;
  const call = Object.hasOwn(ADMIN_CALLS, name) ? ADMIN_CALLS[name] : undefined;
  if (!call) {
    return errorResponse(404, `expected one of ${Object.keys(ADMIN_CALLS).join(", ")}, got ${method} ${path}`);
  }
  // A web page cannot send this type elsewhere without being allowed to.
  const contentType = request.header("content-type") ?? "";
  if (method === "POST" && !/^application\/json\b/i.test(contentType)) {
    return errorResponse(415, `expected content type "application/json", got "${contentType}"`);
  }
  try {
    const input = refundNo ? decodeURIComponent(refundNo) : method === "POST" ? JSON.parse(body) : undefined;
    const result = await call.run(target, input);
    if (result !== undefined) return { status: 200, type: JSON_TYPE, body: JSON.stringify(result) };
    if (refundNo) return errorResponse(404, `expected a refund that DaxPay knows, got "${input}"`);
    return { status: 204, type: JSON_TYPE, body: "" };
  } catch (error) {
    if (error instanceof z.ZodError) return errorResponse(400, z.prettifyError(error));
    return errorResponse(400, error instanceof Error ? error.message : String(error));
  }
}

function errorResponse(status: number, error: string): HttpResponse {
  return { status, type: JSON_TYPE, body: JSON.stringify({ error }) };
}
