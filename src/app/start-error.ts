import type { Config } from "../config/read.ts";
import { BindError } from "../http/listen.ts";

/** Names the variable to change when a port cannot be bound; returns other errors as they are. */
export function explainStartError(error: unknown, { host, port, grpcPort }: Config): unknown {
  if (!(error instanceof BindError)) return error;
  const [variable, number] = error.option === "port" ? ["PORT", port] : ["GRPC_PORT", grpcPort];
  switch (error.code) {
    case "EADDRINUSE":
      return new RangeError(`${variable}: expected a free port, got ${number}, which is in use`, { cause: error });
    case "EACCES":
      return new RangeError(`${variable}: expected a port that this user may bind, got ${number}`, { cause: error });
    default:
      return new RangeError(`HOST: cannot listen on ${JSON.stringify(host)}: ${error.message}`, { cause: error });
  }
}
