import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { describe, expect } from "vitest";
import { createRefundClient } from "../../src/client.ts";
import { RefundStatus } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import { RefundEventKind, TrackingState } from "../../src/gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { postgresTest } from "../support/postgres-test.ts";
import { migrateDatabase, readEvents, startReplica, startSecondReplica } from "../support/tracking.ts";

const { TRACKED, CHANGED, FINAL } = RefundEventKind;
const refund = (refundNo: string) =>
  ({ refundNo, orderNo: `P-${refundNo}`, status: "progress", state: "PROCESSING" }) as const;

describe("a tracked refund", () => {
  postgresTest("is followed by the next process, and its events are read on at the cursor", async ({ databaseUrl }) => {
    await migrateDatabase(databaseUrl);
    await using first = await startReplica(databaseUrl);
    first.sandbox.addRefund(refund("R1"));
    await first.tracking.trackRefund({ refundNo: "R1", labels: { shop: "7" } });
    const events = await readEvents(first, ({ kind }) => kind === CHANGED);
    expect(events.map(({ kind }) => kind)).toEqual([TRACKED, CHANGED]);
    await first.app.close();
    const requests = first.sandbox.requests.length;

    first.sandbox.setChannel("R1", { state: "SUCCESS" });
    await using second = await startSecondReplica(databaseUrl, first);
    // The last reply says that 10 s have to pass first.
    const { trackedRefund } = await second.tracking.getTrackedRefund({ refundNo: "R1" });
    expect(trackedRefund).toMatchObject({ trackingState: TrackingState.ACTIVE, labels: { shop: "7" }, attempts: 1n });
    expect(first.sandbox.requests).toHaveLength(requests);
    const later = await readEvents(second, ({ kind }) => kind === FINAL, events[1].cursor);
    expect(later).toMatchObject([{
      kind: FINAL,
      previousStatus: RefundStatus.IN_PROGRESS,
      refund: { refundNo: "R1", status: RefundStatus.SUCCEEDED, final: true },
      labels: { shop: "7" },
      evidence: { algorithm: "HMAC_SHA256", release: "3.0.0" },
    }]);
  });

  postgresTest("is queried and not synced because of a notice", async ({ databaseUrl }) => {
    await migrateDatabase(databaseUrl);
    await using replica = await startReplica(databaseUrl, { sandbox: { release: "3.0.0" } });
    const { sandbox, tracking, http } = replica;
    sandbox.addRefund({ ...refund("R1"), noticeUrl: `${http}/notices/daxpay/default` });
    await tracking.trackRefund({ refundNo: "R1" });
    await readEvents(replica, ({ kind }) => kind === CHANGED);
    const syncs = () => sandbox.requests.filter(({ endpoint }) => endpoint === "sync").length;
    expect(syncs()).toBe(1);
    expect(sandbox.callback("R1", "success")).toBe("applied");
    const [last] = (await readEvents(replica, ({ kind }) => kind === FINAL)).slice(-1);
    expect(last.refund?.status).toBe(RefundStatus.SUCCEEDED);
    expect(syncs()).toBe(1);
    expect(await (await fetch(`${http}/metrics`)).text()).toContain(
      'refundsync_notices_total{account="default",result="accepted"} 1',
    );
  });

  postgresTest("sends its events to the webhook, signed, without the evidence", async ({ databaseUrl }) => {
    await migrateDatabase(databaseUrl);
    const secret = `whsec_${btoa("0123456789abcdef0123456789abcdef")}`;
    const received: { readonly type: string; readonly data: Record<string, unknown> }[] = [];
    const receiver = createServer(async (request, response) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = new TextDecoder().decode(await new Blob(chunks as BlobPart[]).arrayBuffer());
      received.push(
        new Webhook(secret).verify(body, request.headers as Record<string, string>) as typeof received[number],
      );
      response.writeHead(204).end();
    }).listen(0, "127.0.0.1");
    await expect.poll(() => receiver.listening).toBe(true);
    await using replica = await startReplica(databaseUrl, {
      variables: {
        WEBHOOK_URL: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`,
        WEBHOOK_SECRET: secret,
        WEBHOOK_ALLOW_PRIVATE: "127.0.0.1",
      },
    });
    replica.sandbox.addRefund({ ...refund("R1"), status: "success" });
    await replica.tracking.trackRefund({ refundNo: "R1" });
    await expect.poll(() => received.map(({ type }) => type)).toEqual(["refund.tracked", "refund.final"]);
    expect(received[1].data).toMatchObject({ kind: "REFUND_EVENT_KIND_FINAL", refund: { refundNo: "R1" } });
    expect(received[1].data).not.toHaveProperty("evidence");
    receiver.close();
  });

  postgresTest(
    "is watched on another replica from the same rows, without a request before it is due",
    async ({ databaseUrl }) => {
      await migrateDatabase(databaseUrl);
      await using first = await startReplica(databaseUrl);
      await using second = await startSecondReplica(databaseUrl, first);
      first.sandbox.addRefund(refund("R1"));
      for await (const _ of first.client.watchRefund({ refundNo: "R1" })) break;
      const requests = first.sandbox.requests.length;
      for await (const { outcome } of second.client.watchRefund({ refundNo: "R1" })) {
        expect(outcome.value).toMatchObject({ refundNo: "R1", status: RefundStatus.IN_PROGRESS });
        break;
      }
      expect(first.sandbox.requests).toHaveLength(requests);
    },
  );

  postgresTest("that contradicts its final state is reported, by another process too", async ({ databaseUrl }) => {
    await migrateDatabase(databaseUrl);
    await using first = await startReplica(databaseUrl);
    await using second = await startSecondReplica(databaseUrl, first);
    first.sandbox.addRefund({ ...refund("R1"), status: "success" });
    await first.tracking.trackRefund({ refundNo: "R1" });
    await readEvents(first, ({ kind }) => kind === FINAL);
    first.sandbox.setChannel("R1", { state: "CLOSED" });
    expect(await first.sandbox.syncInConsole("R1")).toBe("applied");
    await second.client.syncRefund({ refundNo: "R1" });
    const [last] = (await readEvents(second, ({ kind }) => kind === RefundEventKind.CONTRADICTED)).slice(-1);
    expect(last).toMatchObject({ refund: { status: RefundStatus.CLOSED }, previousStatus: RefundStatus.SUCCEEDED });
    const note = { refundNo: "R1", note: "booked once, see ticket 7" };
    const { trackedRefund } = await first.tracking.acknowledgeContradiction(note);
    expect(trackedRefund?.contradiction).toMatchObject({
      note: note.note,
      previous: { status: RefundStatus.SUCCEEDED },
    });
    const metrics = await (await fetch(`${second.http}/metrics`)).text();
    expect(metrics).toContain('refundsync_state_conflicts_total{account="default"} 1');
  });

  postgresTest("is tracked and followed by the TypeScript client", async ({ databaseUrl }) => {
    await migrateDatabase(databaseUrl);
    await using replica = await startReplica(databaseUrl);
    replica.sandbox.addRefund({ ...refund("R1"), status: "success" });
    const client = createRefundClient({ baseUrl: replica.http });
    expect((await client.trackRefund({ refundNo: "R1" })).trackingState).toBe(TrackingState.ACTIVE);
    const kinds: RefundEventKind[] = [];
    for await (const { kind } of client.refundEvents("")) {
      kinds.push(kind);
      if (kind === FINAL) break;
    }
    expect(kinds).toEqual([TRACKED, FINAL]);
  });
});
