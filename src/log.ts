import { ansiColorFormatter, configure, getConsoleSink, getJsonLinesFormatter, type Sink } from "@logtape/logtape";
import type { LogConfig } from "./config.ts";

/** The root of all log categories. */
export const LOG_CATEGORY = "refundsync";

/** Sends the process's log to standard output, or to the sink that is given instead. */
export async function startLog(config: LogConfig, sink?: Sink): Promise<void> {
  await configure({
    reset: true,
    sinks: {
      out: sink ??
        getConsoleSink({ formatter: config.format === "json" ? getJsonLinesFormatter() : ansiColorFormatter }),
    },
    loggers: [
      { category: LOG_CATEGORY, lowestLevel: config.level, sinks: ["out"] },
      // LogTape's own category: only its failures matter.
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["out"] },
    ],
  });
}
