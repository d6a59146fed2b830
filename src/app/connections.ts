import type { Logger } from "@logtape/logtape";
import type { Config } from "../config/read.ts";
import type { ListenOptions } from "../http/listen.ts";
import type { Dependencies } from "./dependencies.ts";

/** File descriptors for everything but callers and DaxPay: files that are read again, connections being closed. */
const RESERVE = 64;
/** Counting more would take seconds. */
const MAX_COUNTED = 65_536;

/** How many connections are served and for how long; logs what is wrong with them. */
export function connectionOptions(
  config: Config,
  dependencies: Dependencies,
  logger: Logger,
): Pick<ListenOptions, "maxConnections" | "maxConnectionAgeMs" | "onRestart"> {
  return {
    maxConnections: connectionLimit(config, dependencies, logger),
    maxConnectionAgeMs: config.maxConnectionAgeMs,
    onRestart: createRestartLog(logger),
  };
}

/**
 * Returns MAX_CONNECTIONS, or what the limit of open files allows if that is less, and logs it: with no descriptor left, no
 * connection could even be rejected, and no request sent to DaxPay.
 */
function connectionLimit(
  { maxConnections, accounts }: Config,
  { countFreeDescriptors }: Dependencies,
  logger: Logger,
): number {
  const concurrency = [...accounts.values()].reduce((sum, { rateLimit }) => sum + rateLimit.concurrency, 0);
  const reserved = RESERVE + concurrency;
  const needed = maxConnections + reserved;
  const counted = Math.min(needed, MAX_COUNTED);
  const free = countFreeDescriptors(counted);
  if (free >= counted) {
    logger.info("The limit of open files allows MAX_CONNECTIONS ({maxConnections})", { maxConnections });
    return maxConnections;
  }
  const connections = Math.max(free - reserved, Math.ceil(free / 2));
  logger.warn(
    "The limit of open files allows {connections} connections instead of MAX_CONNECTIONS ({maxConnections}); raise it " +
      "(ulimit -n, LimitNOFILE) by {missing}",
    { connections, maxConnections, missing: needed - free },
  );
  return connections;
}

/** Logs when a port is served again, and why it cannot be. */
function createRestartLog(logger: Logger): (port: number, error?: Error) => void {
  return (port, error) =>
    error
      ? logger.error("Cannot listen on port {port} again: {error}", { port, error: error.message })
      : logger.warn("Port {port} had stopped accepting connections (out of file descriptors?) and is served again", {
        port,
      });
}
