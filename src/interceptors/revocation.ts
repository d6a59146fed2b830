import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { type Identity, identityKey } from "../auth/identity.ts";

export interface RevocationOptions {
  /** Runs the work after the given milliseconds, unless the returned function is called before. */
  readonly after: (ms: number, work: () => void) => () => void;
}

export interface Revocation extends Disposable {
  /** Ends streams as unauthenticated once their caller's credentials are no longer valid. */
  readonly interceptor: Interceptor;
}

/** Milliseconds between checks; a changed tokens file is noticed a second after its change. */
const INTERVAL_MS = 15_000;

/** Follows open streams, which can last for hours: credentials are otherwise checked only when a call starts. */
export function createRevocation({ after }: RevocationOptions): Revocation {
  const streams = new Map<AbortController, Identity>();
  let cancel: (() => void) | undefined;

  const interceptor: Interceptor = (next) => async (request) => {
    const identity = request.contextValues.get(identityKey);
    if (!request.stream || !identity) return await next(request);
    const controller = new AbortController();
    // Connect also aborts a call's signal when the call has ended.
    const onAbort = () => {
      streams.delete(controller);
      controller.abort(request.signal.reason);
    };
    if (request.signal.aborted) onAbort();
    else {
      request.signal.addEventListener("abort", onAbort, { once: true });
      streams.set(controller, identity);
      cancel ??= after(INTERVAL_MS, check);
    }
    return await next({ ...request, signal: controller.signal });
  };

  function check(): void {
    for (const [controller, identity] of streams) {
      if (identity.valid()) continue;
      streams.delete(controller);
      controller.abort(new ConnectError("The credentials were revoked or have expired", Code.Unauthenticated));
    }
    cancel = streams.size > 0 ? after(INTERVAL_MS, check) : undefined;
  }

  return { interceptor, [Symbol.dispose]: () => cancel?.() };
}
