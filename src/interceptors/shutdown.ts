import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectRouter, MethodImpl } from "@connectrpc/connect";

/**
 * Ends streams when the signal aborts, since they can last for hours; unary calls may finish. Connect links the signal to
 * each call's own, where an interceptor would need another one.
 */
export function endStreamsOn(router: ConnectRouter, signal: AbortSignal): ConnectRouter {
  return {
    ...router,
    service(service, implementation, options) {
      for (const [name, impl] of Object.entries(implementation as Record<string, MethodImpl<DescMethod>>)) {
        const method = service.method[name];
        const streams = method.methodKind !== "unary";
        router.rpc(method, impl, streams ? { ...options, shutdownSignal: signal } : options);
      }
      return this;
    },
  };
}
