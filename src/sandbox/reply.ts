import type { Failure } from "./failure.ts";
import { writeJson } from "./json.ts";
import type { Members, Signer } from "./signer.ts";
import type { TimeFormat } from "./time.ts";

/** A reply before it is signed and written. Faults change it here. */
export interface Draft extends Failure {
  /** The release's own members of `data`, in wire order; null where there are none. */
  readonly data: Members | null;
  /** Members of `data` that its class inherits: hutool signs them last, whatever their place on the wire. */
  readonly inherited?: readonly string[];
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Left out of the reply where undefined. */
  readonly traceId: string | undefined;
  /** 4.x: the request's own id; undefined where it has none. */
  readonly reqId: string | undefined;
  /** Whether it is signed with the key before the current one. */
  readonly previousKey?: boolean;
  /** Makes the signature that is sent out of the valid one. */
  readonly tamperSignature?: (valid: string) => string | null;
}

export interface WriteContext {
  /** Or the failure that is returned in place of a signed reply, where no sign type is set. */
  readonly signer: Signer | Failure;
  readonly time: TimeFormat;
  readonly timeZone: string;
}

export type Write = (draft: Draft, context: WriteContext) => string;

/** 2.x: only `data` is signed, and holds code and text of a failure too. */
export const write2: Write = (draft, context) => {
  if (!draft.signed) return writeUnsigned(draft);
  const { code, traceId } = draft;
  const data = {
    code,
    msg: draft.text,
    resTime: context.time.write(draft.time, context.timeZone),
    sign: null,
    ...draft.data,
  };
  return seal(draft, context, data, (sign) => ({ msg: "success", code: 0, data: { ...data, sign }, traceId }));
};

/** 3.x: the envelope is signed. 3.0.0's failures carry neither time nor trace id. */
export function write3({ failuresHaveTime }: { failuresHaveTime: boolean }): Write {
  return (draft, context) => {
    if (!draft.signed) return writeUnsigned(draft);
    const full = draft.code === 0 || failuresHaveTime;
    const envelope = {
      code: draft.code,
      msg: draft.code === 0 ? "success" : draft.text,
      data: draft.data,
      sign: null,
      resTime: full ? context.time.write(draft.time, context.timeZone) : null,
      traceId: full ? draft.traceId : null,
    };
    const { data, inherited } = draft;
    const signedForm = data && inherited ? { ...envelope, data: movedLast(data, inherited) } : envelope;
    return seal(draft, context, signedForm, (sign) => ({ ...envelope, sign }));
  };
}

/** 4.x: the envelope is signed, and echoes the request's id. Failures within an interface have no time. */
export function write4({ traceIdInBody }: { traceIdInBody: boolean }): Write {
  return (draft, context) => {
    const { code, text, reqId = null } = draft;
    if (!draft.signed) return writeJson({ message: text, code, data: null });
    const envelope = {
      code,
      msg: code === 0 ? "success" : text,
      data: draft.data,
      sign: null,
      resTime: code === 0 || draft.timed ? context.time.write(draft.time, context.timeZone) : null,
      reqId,
      ...(traceIdInBody ? { traceId: draft.traceId } : undefined),
    };
    return seal(draft, context, envelope, (sign) => ({ ...envelope, sign }));
  };
}

/** The exception handler of 2.x and 3.x writes this (ErrorResult). */
function writeUnsigned({ text, code, traceId }: Pick<Draft, "text" | "code" | "traceId">): string {
  return writeJson({ msg: text, code, data: null, traceId });
}

function seal(draft: Draft, context: WriteContext, signedForm: Members, reply: (sign: string | null) => object) {
  const { signer } = context;
  if (!("sign" in signer)) return writeUnsigned({ ...signer, traceId: draft.traceId });
  const valid = signer.sign(signedForm, draft.previousKey);
  return writeJson(reply(draft.tamperSignature ? draft.tamperSignature(valid) : valid));
}

function movedLast(members: Members, last: readonly string[]): Members {
  const moved: Record<string, unknown> = { ...members };
  for (const name of last) {
    if (!(name in members)) continue;
    delete moved[name];
    moved[name] = members[name];
  }
  return moved;
}
