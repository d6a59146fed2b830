import http from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, vi } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { migrate } from "../../src/store/migrate.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { startQueue } from "../../src/store/queue.ts";
import type { Webhooks } from "../../src/tracking/webhook.ts";
import { createWebhooks } from "../../src/tracking/webhooks.ts";
import { createAddressPolicy } from "../../src/util/address-policy.ts";
import { postgresTest } from "../support/postgres-test.ts";
import { newEventOf } from "./values.ts";

postgresTest("replicas keep each refund's order, however their transactions overlap", async ({ databaseUrl }) => {
  const received: { readonly refundId: number; readonly seq: number }[] = [];
  const failed = new Set<number>();
  const receiver = http.createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { data } = JSON.parse(body);
    // Every third event fails once.
    const fails = data.seq % 3 === 0 && !failed.has(data.seq);
    if (fails) failed.add(data.seq);
    else received.push(data);
    response.writeHead(fails ? 500 : 200).end();
  });
  await once(receiver.listen(0, "127.0.0.1"), "listening");
  const url = new URL(`http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`);

  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => void receiver.close());
  const refundIds = new Map<number, number>();
  const errors: unknown[] = [];
  const replicas: { readonly database: Database; readonly webhooks: Webhooks }[] = [];
  for (let replica = 0; replica < 2; replica++) {
    const database = cleanUp.use(
      openPostgres({ url: databaseUrl, maxConnections: 10, connectTimeoutMs: 5_000, statementTimeoutMs: 30_000 }),
    );
    if (replica === 0) await migrate(database);
    const boss = await startQueue(database, { onError: (error) => errors.push(error) });
    cleanUp.defer(() => boss.stop({ graceful: false }));
    const webhooks = createWebhooks({
      database,
      boss,
      endpointOf: () => ({ url, secret: `whsec_${btoa("x".repeat(24))}`, previousSecret: undefined }),
      readEvent: (seq) =>
        Promise.resolve({ ...newEventOf({ kind: "CHANGED", account: "shop" }), cursor: String(seq), eventAt: 0 }),
      serialize: ({ cursor }) => JSON.stringify({ refundId: refundIds.get(Number(cursor)), seq: Number(cursor) }),
      policy: createAddressPolicy(["127.0.0.1"]),
      timeoutMs: 5_000,
      onEvent: (event) => event.type === "error" && errors.push(event.error),
      pollMs: 10,
      retryDelayMs: () => 5,
    });
    replicas.push({ database, webhooks });
  }

  let seq = 0;
  await Promise.all(Array.from({ length: 120 }, (_, index) => {
    const { database, webhooks } = replicas[index % 2];
    return database.transaction(async (tx) => {
      await tx.query("SELECT 1");
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
      // As the journal does.
      await tx.query("SELECT pg_advisory_xact_lock(1)");
      const rows = Array.from({ length: 1 + index % 3 }, () => ({ seq: ++seq, account: "shop", refundId: index % 5 }));
      for (const row of rows) refundIds.set(row.seq, row.refundId);
      await webhooks.enqueue(tx, rows);
    });
  }));
  for (const { webhooks } of replicas) {
    webhooks.start();
    cleanUp.defer(() => webhooks.stop());
  }
  await vi.waitFor(() => expect(received.length).toBe(seq), { timeout: 20_000, interval: 20 });

  for (let refundId = 0; refundId < 5; refundId++) {
    const order = received.filter((data) => data.refundId === refundId).map((data) => data.seq);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  }
  expect(failed.size).toBe(Math.floor(seq / 3));
  expect(errors).toEqual([]);
});
