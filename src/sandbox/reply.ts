import { type Members, sign, type SignKey } from "./signer.ts";
import type { TimeFormat } from "./time.ts";

/** What DaxPay is about to say, before it is signed and written. Faults change it here. */
export interface Draft {
  /** 0 where the sync went through. On 2.x a signed failure stands in `data` and the envelope says 0. */
  readonly code: number;
  readonly text: string | null;
  readonly signed: boolean;
  /** The release's own members of `data`, in wire order; null where there are none. */
  readonly data: Members | null;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Left out of the reply where undefined: DaxPay's router answers without one. */
  readonly traceId: string | undefined;
  /** With what it is signed. */
  readonly secret: string;
  /** Makes the signature that is sent out of the right one. */
  readonly sealed?: (right: string) => string | null;
}

export interface WriteContext {
  readonly key: SignKey;
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
  return JSON.stringify({
    msg: "success",
    code: 0,
    data: { ...data, sign: seal(data, draft, context) },
    traceId,
  });
};

/** 3.x: the envelope is signed. 3.0.0 tells neither time nor trace of a failure. */
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
    return JSON.stringify({ ...envelope, sign: seal(envelope, draft, context) });
  };
}

/** Every release's exception handler writes this (ErrorResult). */
function writeUnsigned({ text, code, traceId }: Draft): string {
  return JSON.stringify({ msg: text, code, data: null, traceId });
}

function seal(members: Members, { secret, sealed }: Draft, { key }: WriteContext): string | null {
  const right = sign(members, { ...key, secret });
  return sealed ? sealed(right) : right;
}
