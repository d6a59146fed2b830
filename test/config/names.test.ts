import { describe, expect, test } from "vitest";
import { checkNames } from "../../src/config/names.ts";
import { VARIABLE_NAMES } from "../../src/config/variables.ts";

describe("checkNames()", () => {
  test("accepts every variable of the service", () => {
    expect(checkNames(VARIABLE_NAMES)).toEqual({ problems: [], warnings: [] });
  });

  test.each([
    ["DAXPAY_QUREY", "DAXPAY_QUERY"],
    ["DAXPAY_SETTLE", "DAXPAY_RATE"],
    ["DAXPAYURL", "DAXPAY_URL"],
    ["AUTH_TOKEN_FILE", "AUTH_TOKENS_FILE"],
    ["AUTH_REQUIRED_SCOPE", "AUTH_SCOPE"],
    ["TLS_CLIENT_CA", "TLS_CLIENT_CA_FILE"],
    ["LOGLEVEL", "LOG_LEVEL"],
    ["WATCH_SCHEDULES", "WATCH_SCHEDULE"],
    ["MAX_CONNECTION", "MAX_CONNECTIONS"],
    ["STOP_TIMEOUT", "STOP_TIMEOUT_MS"],
    ["CORS_ORIGIN", "CORS_ORIGINS"],
    ["DAXPY_QUERY", "DAXPAY_QUERY"],
    ["DATABASE_URI", "DATABASE_URL"],
    ["STORE_JOURNALKEY", "STORE_JOURNAL_KEY"],
    ["TRACK_TIME_OUT", "TRACK_TIMEOUT"],
  ])("reports %s as a problem, with the nearest name", (name, nearest) => {
    expect(checkNames([name])).toEqual({
      problems: [`${name}: expected a variable of this service, got an unknown one; the nearest is ${nearest}`],
      warnings: [],
    });
  });

  test.each([
    "MAX_THREADS",
    "DATABASE_HOST",
    "DATABASE_USER",
    "STORE_ID",
    "LOG_STASH_HOST",
    "WATCHPACK_POLLING",
    "WEBHOOK_RELAY_NODES",
  ])(
    "warns of %s, which may be another program's",
    (name) => {
      expect(checkNames([name])).toEqual({ problems: [], warnings: [expect.stringMatching(`^${name}: `)] });
    },
  );

  test.each(["LOGNAME", "HOME", "PATH", "HOSTNAME", "HTTP_PROXY", "OTEL_DENO", "PWD", "GRPC_VERBOSITY"])(
    "ignores %s, which is another program's",
    (name) => {
      expect(checkNames([name])).toEqual({ problems: [], warnings: [] });
    },
  );

  test("ignores what Kubernetes sets for a Service, and nothing else that begins like it", () => {
    const links = [
      "DAXPAY_REFUND_SYNC_SERVICE_HOST",
      "DAXPAY_REFUND_SYNC_SERVICE_PORT",
      "DAXPAY_REFUND_SYNC_SERVICE_PORT_GRPC",
      "DAXPAY_REFUND_SYNC_PORT",
      "DAXPAY_REFUND_SYNC_PORT_8080_TCP",
      "DAXPAY_REFUND_SYNC_PORT_8080_TCP_ADDR",
    ];
    expect(checkNames(links)).toEqual({ problems: [], warnings: [] });
    expect(checkNames([...links, "DAXPAY_REFUND_SYNC_RATE"]).problems).toHaveLength(1);
    expect(checkNames(links.slice(3)).problems).toHaveLength(3);
  });
});
