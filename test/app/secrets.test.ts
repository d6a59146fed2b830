import { configure, type LogRecord, reset } from "@logtape/logtape";
import { ConnectError } from "@connectrpc/connect";
import { afterEach, expect, test } from "vitest";
import { acceleratedClock, startService, summarize } from "../support/service.ts";

/** Long enough to be told from everything else that is printed. */
const SECRET = "s3cret-0f-the-merchant-7c1d";
const PREVIOUS = "f0rmer-secret-of-the-merchant-91ab";

afterEach(() => reset());

test("neither secret nor signature stands in anything that is logged or returned", async () => {
  const records: LogRecord[] = [];
  await configure({
    reset: true,
    sinks: { memory: (record) => records.push(record) },
    loggers: [{ category: [], lowestLevel: "trace", sinks: ["memory"] }],
  });
  const returned: string[] = [];
  const signatures: string[] = [];
  for (const release of ["2.0.8", "3.0.0"] as const) {
    await using service = await startService({
      sandbox: { release, secret: SECRET, previousSecret: PREVIOUS },
      variables: { DAXPAY_SIGN_SECRET: SECRET, DAXPAY_SIGN_SECRET_PREVIOUS: PREVIOUS },
      dependencies: acceleratedClock(500),
    });
    const { client, sandbox } = service;
    for (const refundNo of ["R-SUCCEEDS", "R-UNKNOWN", "R-LOCKED", "R-CHANNEL-ERROR", "R-NULL-POINTER", "bad number"]) {
      await summarize(client.syncRefund({ refundNo }));
    }
    for (const fault of ["RESET", "CUT", "HTTP-500", "HTTP-429", "NOT-JSON", "WRONG-SIGN", "OVERSIZED", "STALE"]) {
      const error = ConnectError.from(await client.syncRefund({ refundNo: `FAULT-${fault}` }).catch((error) => error));
      returned.push(error.message, JSON.stringify(error.details), String(error.cause));
      for (const [name, value] of error.metadata) returned.push(name, value);
    }
    signatures.push(...sandbox.requests.map(({ body }) => JSON.parse(body).sign));
    await sandbox.close();
    returned.push(await summarize(client.syncRefund({ refundNo: "LOAD-1" })));
  }
  expect(records.length).toBeGreaterThan(20);
  const shown = records.map((record) => Deno.inspect(record, { depth: 20, strAbbreviateSize: Infinity })).join("\n") +
    returned.join("\n");
  expect(signatures.length).toBeGreaterThan(20);
  for (const secret of [SECRET, PREVIOUS, ...signatures]) expect(shown.includes(secret)).toBe(false);
  expect(shown).not.toMatch(/&key=/i);
});
