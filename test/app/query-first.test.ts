import { createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { outcomeOf, resultOutcome } from "../support/outcome.ts";
import { acceleratedClock, PROTOCOLS, type Service, startService } from "../support/service.ts";

describe.each(["3.0.0-beta4", "3.0.0"] as const)(
  "syncRefund() on %s, which books each sync of a closed refund,",
  (release) => {
    const start = (variables: Readonly<Record<string, string>> = {}): Promise<Service> =>
      startService({ sandbox: { release, latencyMs: 50 }, variables, dependencies: acceleratedClock(20) });
    const endpoints = ({ sandbox }: Service) => sandbox.requests.map(({ endpoint }) => endpoint);

    test.each([["close", "CLOSED"], ["success", "SUCCEEDED"]] as const)(
      "returns `%s` from the query and never syncs",
      async (status, expected) => {
        await using service = await start();
        service.sandbox.addRefund({ refundNo: "R1", status, state: "CLOSED" });
        for (const request of [{ refundNo: "R1" }, { bizRefundNo: "B-R1" }, { refundNo: "R1", nonceStr: "n" }]) {
          expect(await outcomeOf(service.client.syncRefund(request))).toMatchObject({
            status: expected,
            final: true,
            binding: "REFUND",
          });
        }
        expect(service.sandbox.refund("R1")).toMatchObject({ status, syncs: 0, credits: 0, refundableBalance: 5_000 });
      },
    );

    test("books `close` once, however many call over every protocol by either number", async () => {
      await using service = await start();
      const { sandbox } = service;
      sandbox.addRefund({ refundNo: "R1", state: "CLOSED", amount: 1_000, refundableBalance: 5_000 });
      const clients = Object.values(PROTOCOLS).map((transport) => createClient(RefundSyncService, transport(service)));
      const calls = clients.flatMap((client, index) => [
        outcomeOf(client.syncRefund({ refundNo: "R1", clientIp: `10.0.0.${index}` })),
        outcomeOf(client.syncRefund({ bizRefundNo: "B-R1" })),
        outcomeOf(client.syncRefund({ refundNo: "R1", nonceStr: `n${index}` })),
      ]);
      const batch = Array.fromAsync(
        service.client.batchSyncRefunds({ requests: [{ refundNo: "R1" }, { bizRefundNo: "B-R1" }] }),
      );
      const watch = Array.fromAsync(service.client.watchRefund({ refundNo: "R1" }));
      const outcomes = [
        ...await Promise.all(calls),
        ...(await batch).map(resultOutcome),
        resultOutcome((await watch)[0]),
      ];
      expect(outcomes).toMatchObject(outcomes.map(() => ({ status: "CLOSED", final: true, binding: "REFUND" })));
      expect(await outcomeOf(service.client.syncRefund({ refundNo: "R1" }))).toMatchObject({ status: "CLOSED" });
      expect(sandbox.refund("R1")).toMatchObject({ syncs: 1, credits: 1, refundableBalance: 6_000 });
    });

    test("syncs no refund again that was closed once, when another client reopens it", async () => {
      await using service = await start();
      const { client, sandbox } = service;
      sandbox.addRefund({ refundNo: "R1", state: ["CLOSED", "ERROR", "CLOSED"] });
      expect(await outcomeOf(client.syncRefund({ refundNo: "R1" }))).toMatchObject({ status: "CLOSED" });
      await sandbox.syncInConsole("R1");
      expect(sandbox.refund("R1")).toMatchObject({ status: "fail" });
      expect(await outcomeOf(client.syncRefund({ refundNo: "R1" }))).toMatchObject({ status: "FAILED", final: false });
      expect(sandbox.refund("R1")).toMatchObject({ syncs: 2 });
    });

    test("syncs no refund of another application", async () => {
      await using service = await start();
      service.sandbox.addRefund({ refundNo: "R1", appId: "M0000000000000001" });
      expect(await outcomeOf(service.client.syncRefund({ refundNo: "R1" }))).toMatchObject({
        code: "invalid_argument",
        reason: "INVALID_REQUEST",
        delivery: "NOT_SENT",
        step: "QUERY",
        retryDelayMs: undefined,
      });
      expect(service.sandbox.refund("R1")).toMatchObject({ syncs: 0 });
    });

    test("returns a settled state as not final when its confirmation fails", async () => {
      await using service = await start();
      const { client, sandbox } = service;
      sandbox.addRefund({ refundNo: "R1", state: "SUCCESS", latencyMs: 500 });
      const call = outcomeOf(client.syncRefund({ refundNo: "R1" }));
      await expect.poll(() => endpoints(service).at(-1)).toBe("sync");
      sandbox.setFault("http-500", { endpoint: "query" });
      expect(await call).toEqual({
        status: "SUCCEEDED",
        daxpayStatus: "success",
        final: false,
        binding: "SECRET_ONLY",
      });
    });

    describe("after a sync that was sent and not answered", () => {
      async function startInDoubt(): Promise<Service> {
        const service = await start({ DAXPAY_TIMEOUT_MS: "700" });
        service.sandbox.addRefund({ refundNo: "R1", state: "PROCESSING" });
        service.sandbox.setFault("unanswered", { refundNo: "R1", endpoint: "sync", times: 1 });
        expect(await outcomeOf(service.client.syncRefund({ refundNo: "R1" }))).toMatchObject({
          code: "deadline_exceeded",
          reason: "UPSTREAM_TIMEOUT",
          delivery: "IN_DOUBT",
          step: "SYNC",
        });
        return service;
      }

      test("returns SYNC_IN_DOUBT with a retry delay over every protocol, and sends queries only", async () => {
        await using service = await startInDoubt();
        for (const transport of Object.values(PROTOCOLS)) {
          const client = createClient(RefundSyncService, transport(service));
          for (const request of [{ refundNo: "R1" }, { bizRefundNo: "B-R1" }]) {
            const outcome = await outcomeOf(client.syncRefund(request));
            expect(outcome).toMatchObject({
              code: "unavailable",
              reason: "SYNC_IN_DOUBT",
              delivery: "IN_DOUBT",
              step: "QUERY",
              retryDelayMs: expect.toSatisfy((ms: number) => ms > 30_000 && ms <= 60_000),
            });
          }
        }
        expect(service.sandbox.refund("R1")).toMatchObject({ syncs: 1 });
        expect(service.app.stats().inDoubt).toBe(1);
      });

      test("returns the state that a query settles", async () => {
        await using service = await startInDoubt();
        service.sandbox.callback("R1", "success");
        expect(await outcomeOf(service.client.syncRefund({ refundNo: "R1" }))).toMatchObject({
          status: "SUCCEEDED",
          final: true,
          binding: "REFUND",
        });
        expect(service.app.stats().inDoubt).toBe(0);
      });
    });
  },
);
