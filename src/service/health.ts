import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../gen/grpc/health/v1/health_pb.ts";
import type { Readiness } from "./readiness.ts";

/** Serves grpc.health.v1 for the given services by name; "" is the server as a whole. */
export function routeHealth(router: ConnectRouter, services: Readonly<Record<string, Readiness>>): void {
  const readinessOf = (service: string) => Object.hasOwn(services, service) ? services[service] : undefined;
  const statusOf = (readiness: Readiness) => readiness.ready() ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;

  router.service(Health, {
    check({ service }) {
      const readiness = readinessOf(service);
      if (!readiness) throw new ConnectError(`No service named ${JSON.stringify(service)}`, Code.NotFound);
      return { status: statusOf(readiness) };
    },
    list: () => ({
      statuses: Object.fromEntries(
        Object.entries(services).map(([name, readiness]) => [name, { status: statusOf(readiness) }]),
      ),
    }),
    async *watch({ service }, context) {
      const readiness = readinessOf(service);
      if (!readiness) {
        yield { status: ServingStatus.SERVICE_UNKNOWN };
        // The protocol keeps the stream open, since the service may be added later.
        await aborted(context.signal);
        return;
      }
      let last: ServingStatus | undefined;
      // Also sends the status at the end: a process that stops is no longer serving.
      do {
        const status = statusOf(readiness);
        if (status !== last) yield { status };
        last = status;
        await readiness.changed(context.signal);
      } while (!context.signal.aborted || statusOf(readiness) !== last);
    },
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
