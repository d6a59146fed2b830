import type { DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../gen/grpc/health/v1/health_pb.ts";
import type { Readiness } from "./readiness.ts";

/** Serves grpc.health.v1 for the server as a whole ("") and for each of the given services, which share one status. */
export function routeHealth(router: ConnectRouter, services: readonly DescService[], readiness: Readiness): void {
  const names = ["", ...services.map((service) => service.typeName)];
  const status = () => readiness.ready() ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;

  router.service(Health, {
    check({ service }) {
      if (!names.includes(service)) {
        throw new ConnectError(`No service named ${JSON.stringify(service)}`, Code.NotFound);
      }
      return { status: status() };
    },
    list: () => ({ statuses: Object.fromEntries(names.map((name) => [name, { status: status() }])) }),
    async *watch({ service }, context) {
      if (!names.includes(service)) {
        yield { status: ServingStatus.SERVICE_UNKNOWN };
        // The protocol wants the stream to stay open, as a service may come later.
        await aborted(context.signal);
        return;
      }
      let last: ServingStatus | undefined;
      // Also says what ends it: a process that stops is no longer serving.
      do {
        const now = status();
        if (now !== last) yield { status: now };
        last = now;
        await readiness.changed(context.signal);
      } while (!context.signal.aborted || status() !== last);
    },
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
