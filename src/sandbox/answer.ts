import { readBean } from "./bean.ts";
import type { CheckContext } from "./check.ts";
import { type Fault, FAULTS } from "./fault.ts";
import type { ActiveFault } from "./faults.ts";
import { JSON_TYPE, type Page } from "./page.ts";
import type { Outcome } from "./record.ts";
import { findRefund } from "./refunds.ts";
import type { Release } from "./release.ts";
import type { Draft } from "./reply.ts";
import type { SignKey } from "./signer.ts";
import type { Books } from "./sync.ts";

export interface Incoming {
  readonly method: string;
  readonly path: string;
  readonly contentType: string;
  /** The parsed body; undefined where it is no JSON. */
  readonly json: unknown;
}

export interface AnswerContext {
  readonly release: Release;
  readonly key: SignKey;
  readonly previousSecret: string;
  readonly appId: string;
  readonly mchNo: string;
  readonly timeZone: string;
  readonly reqTimeoutSeconds: number | undefined;
  readonly now: () => number;
  readonly traceId: () => string;
  readonly books: Books;
}

export interface Answer {
  readonly page: Page;
  readonly outcome: Outcome;
}

/** Answers a request as the release does, with the fault's changes where it changes what DaxPay says. */
export async function answer(
  incoming: Incoming,
  context: AnswerContext,
  fault: ActiveFault | undefined,
): Promise<Answer> {
  const { release, key, timeZone } = context;
  if (!Object.hasOwn(release.paths, incoming.path)) {
    const page = release.unknownPath(incoming.path, context.now());
    return { page, outcome: { httpStatus: page.status } };
  }
  const plain = await draftOf(incoming, context);
  const change: Fault | undefined = fault && FAULTS[fault.name];
  const draft = fault && change?.kind === "draft"
    ? change.change(plain, { detail: fault.detail, previousSecret: context.previousSecret, status: release.status })
    : plain;
  const body = release.write(draft, { key, time: release.time, timeZone });
  const { code, text, signed } = draft;
  const word = draft.data?.[release.status];
  return {
    page: { status: 200, type: JSON_TYPE, body: change?.kind === "body" ? change.change(body) : body },
    outcome: { httpStatus: 200, code, text, signed, word: typeof word === "string" ? word : undefined },
  };
}

/** In the order of DaxPay's own filters and aspects. */
async function draftOf({ method, path, contentType, json }: Incoming, context: AnswerContext): Promise<Draft> {
  const { release, key } = context;
  const say = (saying: Pick<Draft, "code" | "text" | "signed"> & Partial<Draft>): Draft => ({
    data: null,
    time: context.now(),
    traceId: context.traceId(),
    secret: key.secret,
    ...saying,
  });
  const refuse = (code: number, text: string) => say({ code, text, signed: false });

  if (method !== "POST") {
    return say({ code: 1, text: `不支持${method}请求方法，支持以下POST`, signed: false, traceId: undefined });
  }
  if (!/^application\/(json|[^;\s]+\+json)\s*(;|$)/i.test(contentType)) return refuse(release.codes.system, "系统错误");
  if (json === undefined) return refuse(release.codes.unreadable, "JSON parse error: Unexpected character");
  const reading = readBean(json, release.paths[path], release.time);
  if ("unreadable" in reading) return refuse(release.codes.unreadable, reading.unreadable);

  const checking: CheckContext = { ...context, time: release.time, now: context.now() };
  for (const check of release.checks) {
    const refusal = check(reading.bean, checking);
    if (refusal) return say(refusal);
  }
  const { telling, adjust } = await context.books.sync(findRefund(reading.bean.members));
  const { word, code, text, signed } = telling;
  if (word === undefined) return say({ code, text, signed });
  const data = release.status === "status" ? { status: word } : { orderStatus: word, adjust };
  return say({ code, text, signed, data });
}
