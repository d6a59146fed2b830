import { configure, getLogger, type LogRecord, reset } from "@logtape/logtape";
import { afterEach, describe, expect, test } from "vitest";
import { announceAccount } from "../../src/app/announce.ts";
import { sandboxConfig } from "../../src/config/sandbox.ts";
import type { ReleaseName } from "../../src/daxpay/release.ts";
import { SANDBOX_KEYS } from "../../src/cli/sandbox-keys.ts";
import { LOG_CATEGORY } from "../../src/telemetry/log.ts";

afterEach(() => reset());

/** The warnings about an account. */
async function warningsOf(release: ReleaseName, shared: boolean): Promise<string[]> {
  const records: LogRecord[] = [];
  await configure({
    reset: true,
    sinks: { list: (record) => records.push(record) },
    loggers: [{ category: LOG_CATEGORY, sinks: ["list"] }, { category: ["logtape", "meta"], lowestLevel: "error" }],
  });
  const config = sandboxConfig({ DAXPAY_URL: "http://127.0.0.1:9", DAXPAY_RELEASE: release, ...SANDBOX_KEYS });
  for (const account of config.accounts.values()) announceAccount(getLogger(LOG_CATEGORY), account, shared);
  return records.filter(({ level }) => level === "warning").map(({ rawMessage }) => String(rawMessage));
}

describe("announceAccount() warns of a second replica", () => {
  test.each([["3.0.0-beta4", false], ["3.0.0", false]] as const)(
    "on %s without a database",
    async (release, shared) => {
      expect(await warningsOf(release, shared)).toEqual([expect.stringMatching(/^Run exactly one replica/)]);
    },
  );

  test.each([["3.0.0", true], ["2.0.8", false], ["4.0.0-beta", false]] as const)(
    "but not on %s with a database: %s",
    async (release, shared) => {
      expect(await warningsOf(release, shared)).toEqual([]);
    },
  );
});
