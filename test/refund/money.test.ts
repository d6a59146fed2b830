import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ReleaseName } from "../../src/sandbox/release.ts";
import type { RefundQuery } from "../../src/daxpay/request.ts";
import type { ChannelState } from "../../src/sandbox/channel.ts";
import { createEmbedded, type Embedded, type EmbeddedService } from "../support/embedded.ts";
import { latencyMs, refund, REFUNDS, request, type Setup, setups, state } from "../support/money.ts";

/** Sequences of each kind and release; more with MONEY_RUNS. */
const RUNS = Number(process.env.MONEY_RUNS ?? 60);

type Action =
  | { readonly kind: "sync"; readonly request: RefundQuery; readonly timeoutMs: number; readonly leaveMs?: number }
  | { readonly kind: "batch"; readonly requests: readonly RefundQuery[] }
  | { readonly kind: "watch"; readonly request: RefundQuery; readonly leaveMs: number }
  | { readonly kind: "advance"; readonly ms: number }
  | { readonly kind: "channel"; readonly refund: number; readonly state: ChannelState; readonly latencyMs: number }
  | {
    readonly kind: "fault";
    readonly fault: "lost" | "unanswered" | "reset" | "hang";
    readonly endpoint: "sync" | "query";
  }
  | { readonly kind: "restart" }
  | { readonly kind: "job" }
  | { readonly kind: "callback"; readonly refund: number; readonly status: "success" | "close" };

const advance = fc.constantFrom(1, 260, 1_000, 9_000, 11_000, 14_000, 21_000, 31_000, 65_000).map((ms) =>
  ({ kind: "advance", ms }) as const
);
const sync: fc.Arbitrary<Action> = fc.record({
  kind: fc.constant("sync"),
  request,
  timeoutMs: fc.constantFrom(50, 2_000, 30_000, 120_000),
  leaveMs: fc.option(fc.constantFrom(0, 20, 5_000), { nil: undefined }),
});
const ownActions: fc.Arbitrary<Action>[] = [
  sync,
  sync,
  sync,
  fc.record({ kind: fc.constant("batch"), requests: fc.array(request, { minLength: 1, maxLength: 6 }) }),
  fc.record({ kind: fc.constant("watch"), request, leaveMs: fc.constantFrom(100, 20_000, 400_000) }),
  advance,
  advance,
  fc.record({ kind: fc.constant("channel"), refund, state, latencyMs }),
  fc.record({
    kind: fc.constant("fault"),
    fault: fc.constantFrom("lost", "unanswered", "reset", "hang"),
    endpoint: fc.constantFrom("sync", "query"),
  }),
  fc.constant({ kind: "restart" }),
];
const othersActions: fc.Arbitrary<Action>[] = [
  fc.constant({ kind: "job" }),
  fc.record({ kind: fc.constant("callback"), refund, status: fc.constantFrom("success", "close") }),
];

/** Runs the actions against a DaxPay with books, then lets everything end. */
async function run(
  embedded: Embedded,
  services: EmbeddedService[],
  setups: readonly Setup[],
  actions: readonly Action[],
  onStart: (service: EmbeddedService) => void = () => {},
): Promise<void> {
  const { daxpay } = embedded;
  setups.forEach((setup, index) => daxpay.addRefund({ refundNo: REFUNDS[index], orderNo: "P1", ...setup }));
  const pending: Promise<unknown>[] = [];
  const controllers: AbortController[] = [];
  let turn = 0;

  function leaving(ms: number | undefined): AbortSignal {
    const controller = new AbortController();
    controllers.push(controller);
    if (ms !== undefined) setTimeout(() => controller.abort(new Error("left")), ms);
    return controller.signal;
  }

  for (const action of actions) {
    const index = turn++ % services.length;
    const { refunds } = services[index];
    switch (action.kind) {
      case "sync":
        pending.push(
          refunds.sync(action.request, { signal: leaving(action.leaveMs), timeoutMs: action.timeoutMs }).catch(
            () => {},
          ),
        );
        break;
      case "batch":
        pending.push(
          Array.fromAsync(refunds.batch(action.requests, { signal: leaving(undefined), timeoutMs: 90_000 }))
            .catch(() => {}),
        );
        break;
      case "watch":
        pending.push(Array.fromAsync(refunds.watch(action.request, leaving(action.leaveMs))).catch(() => {}));
        break;
      case "advance":
        await embedded.advance(action.ms);
        break;
      case "channel":
        daxpay.setChannel(REFUNDS[action.refund], { state: action.state, latencyMs: action.latencyMs });
        break;
      case "fault":
        daxpay.setFault(action.fault, { endpoint: action.endpoint, times: 1 });
        break;
      case "restart":
        // The process is killed: what it has sent goes on in DaxPay.
        services[index].refunds.close();
        services[index] = embedded.start({ settleOnStart: true });
        onStart(services[index]);
        break;
      case "job":
        pending.push(daxpay.runJob());
        break;
      case "callback":
        daxpay.callback(REFUNDS[action.refund], action.status);
    }
    await embedded.advance(0);
  }
  for (const controller of controllers) controller.abort(new Error("over"));
  await embedded.advance(130_000);
  await Promise.all(pending);
}

describe.each<ReleaseName>(["3.0.0", "3.0.0-beta4"])("DaxPay %s with books", (release) => {
  test(
    "createRefunds() credits no refund twice and syncs none that was settled before",
    { timeout: 120_000 },
    async () => {
      const actions = fc.array(fc.oneof(...ownActions), { minLength: 4, maxLength: 25 });
      const property = fc.asyncProperty(setups, actions, async (setups, actions) => {
        using embedded = createEmbedded({ release });
        await run(embedded, [embedded.start()], setups, actions);
        setups.forEach(({ status }, index) => {
          const books = embedded.daxpay.refund(REFUNDS[index]);
          expect(books?.credits).toBeLessThanOrEqual(1);
          if (status === "close" || status === "success") expect(books).toMatchObject({ syncs: 0, credits: 0 });
        });
      });
      await fc.assert(property, { numRuns: RUNS });
    },
  );

  test.each([1, 2])(
    "%d × createRefunds() beside DaxPay's jobs and callbacks closes a refund at most once a process and reports it",
    { timeout: 120_000 },
    async (count) => {
      const actions = fc.array(fc.oneof(...ownActions, ...othersActions), { minLength: 4, maxLength: 25 });
      const property = fc.asyncProperty(setups, actions, async (setups, actions) => {
        using embedded = createEmbedded({ release });
        const services = Array.from({ length: count }, () => embedded.start());
        const started = [...services];
        await run(embedded, services, setups, actions, (service) => started.push(service));
        const events = started.flatMap(({ events }) => events);
        for (const refundNo of REFUNDS) {
          // Each credits the amount. What DaxPay's own jobs and callbacks credit is not the service's doing.
          const closings = embedded.daxpay.requests.filter(({ endpoint, members, outcome }) =>
            endpoint === "sync" && members?.refundNo === refundNo && outcome?.status === "close"
          );
          const reports = events.filter((event) =>
            (event.type === "closedBySync" && event.state.refundNo === refundNo && event.state.orderNo === "P1") ||
            (event.type === "doubt" && event.refundNo === refundNo && event.orderNo === "P1")
          );
          expect(closings.length).toBeLessThanOrEqual(started.length);
          expect(reports.length).toBeGreaterThanOrEqual(closings.length);
        }
      });
      await fc.assert(property, { numRuns: RUNS });
    },
  );
});
