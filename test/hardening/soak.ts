import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { readArgumentsOrExit, wholeNumber } from "../../src/cli/arguments.ts";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { type FaultName, FAULTS } from "../../src/sandbox/fault.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import { contractViolations, errorOutcome, resultOutcome, stateOutcome } from "../support/outcome.ts";
import { startProcess } from "../support/process.ts";
import { scrape } from "../support/prometheus.ts";
import { PROTOCOLS } from "../support/service.ts";

export interface SoakOptions {
  readonly seconds: number;
  /** Called with the progress every few seconds. */
  readonly print: (line: string) => void;
}

export interface SoakReport {
  /** Number of calls, results of batches and attempts of watches by status or reason. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Errors that break the contract, apart from the caller's own deadline, and those that are bugs of the service. */
  readonly unexpected: readonly string[];
  readonly unanswered: number;
  /** Refunds whose amount DaxPay credited more than once. */
  readonly creditedTwice: readonly string[];
  /** Resident memory of the service, in MiB, oldest first. */
  readonly memory: readonly number[];
  readonly exitCode: number;
  /** Standard error of the service. */
  readonly complaints: readonly string[];
}

/** Concurrent callers of each protocol. */
const CALLERS = 3;
/** Requests that each fault breaks; one more in a row would open the circuit for 5 s. */
const FAULT_TIMES = 4;
/** Milliseconds: between faults, and the callers' timeout. */
const FAULT_MS = 300;
const CALL_TIMEOUT_MS = 3_000;
/** So that two cores can keep up. */
const PAUSE_MS = 10;
/** Refunds that the channel has closed: each sync of one credits its amount. */
const CLOSED = Array.from({ length: 100 }, (_, index) => `CLOSED-${index}`);

/** Mixed load on a service of its own, while each of the sandbox's faults breaks some requests. */
export async function soak({ seconds, print }: SoakOptions): Promise<SoakReport> {
  const sandbox = await createSandbox({ release: "3.0.0" });
  for (const refundNo of CLOSED) sandbox.addRefund({ refundNo, state: "CLOSED" });
  await using service = await startProcess({
    variables: {
      DAXPAY_URL: sandbox.url,
      DAXPAY_RELEASE: "3.0.0",
      DAXPAY_APP_ID: "M8207639754663343",
      DAXPAY_MCH_NO: "M1745845174843",
      DAXPAY_TIMEOUT_MS: "1000",
      DAXPAY_RATE: "2000",
      // The sandbox has no other caller, and its channel answers at once.
      DAXPAY_SETTLE_ON_START: "off",
      DAXPAY_SETTLE_TIMEOUT: "2s",
    },
  });
  const end = performance.now() + seconds * 1000;
  const running = () => performance.now() < end;
  const outcomes: Record<string, number> = {};
  const unexpected: string[] = [];
  const memory: number[] = [];
  let started = 0;
  let answered = 0;

  function count(outcome: string): void {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }

  function countError(call: string, error: ConnectError): void {
    // The client's own, which has no details.
    if (error.code === Code.DeadlineExceeded && error.details.length === 0) return count("caller's deadline");
    const violations = contractViolations(error);
    const origin = error.isWireError ? "from the service" : `from the client: ${Deno.inspect(error.cause)}`;
    const reason = violations.length > 0 ? "untyped" : errorOutcome(error).reason;
    if (reason === "untyped" || reason === "INTERNAL") {
      unexpected.push([`${call}: ${error}`, origin, ...violations].join("; "));
    }
    count(reason);
  }

  async function call(name: string, work: () => Promise<void>): Promise<void> {
    started++;
    const startedAt = performance.now();
    try {
      await work();
    } catch (error) {
      countError(`${name}, ${Math.round(performance.now() - startedAt)} ms`, ConnectError.from(error));
    }
    answered++;
  }

  async function read(results: AsyncIterable<Parameters<typeof resultOutcome>[0]>): Promise<void> {
    for await (const result of results) {
      const outcome = resultOutcome(result);
      count("status" in outcome ? outcome.status : outcome.reason);
    }
  }

  /** Callers meet at some refunds and have others to themselves. */
  async function caller(protocol: string, index: number): Promise<void> {
    const client = createClient(RefundSyncService, PROTOCOLS[protocol](service));
    const options = { timeoutMs: CALL_TIMEOUT_MS };
    for (let turn = index * 7; running(); turn++) {
      const refundNo = turn % 3 === 0 ? CLOSED[turn % CLOSED.length] : `LOAD-${protocol.length}-${index}-${turn}`;
      if (turn % 10 === 0) {
        const requests = Array.from({ length: 20 }, (_, index) => ({ refundNo: `LOAD-${turn}-${index}` }));
        await call(`${protocol} batch`, () => read(client.batchSyncRefunds({ requests }, options)));
      } else if (turn % 10 === 5) {
        await call(`${protocol} watch`, () => read(client.watchRefund({ refundNo }, options)));
      } else {
        await call(`${protocol} unary`, async () => {
          const { refund } = await client.syncRefund({ refundNo }, options);
          count(refund ? stateOutcome(refund).status : "no refund");
        });
      }
      await pause(PAUSE_MS);
    }
  }

  async function setFaults(): Promise<void> {
    const names = Object.keys(FAULTS) as FaultName[];
    for (let turn = 0; running(); turn++) {
      sandbox.setFault(names[turn % names.length], { times: FAULT_TIMES, retryAfterSeconds: 1 });
      await pause(FAULT_MS);
    }
  }

  async function measure(): Promise<void> {
    for (let turn = 0; running(); turn++) {
      memory.push(await memoryOf(service.http));
      const secondsLeft = Math.round((end - performance.now()) / 1000);
      if (turn % 5 === 0) print(`${secondsLeft} s left: ${answered} calls, ${memory.at(-1)} MiB`);
      await pause(1000);
    }
  }

  const callers = Object.keys(PROTOCOLS).flatMap((protocol) =>
    Array.from({ length: CALLERS }, (_, index) => caller(protocol, index))
  );
  await Promise.all([...callers, setFaults(), measure()]);
  sandbox.clearFaults();
  memory.push(await memoryOf(service.http));
  service.kill("SIGTERM");
  const { code: exitCode } = await service.ended;
  const creditedTwice = sandbox.refunds().filter(({ credits }) => credits > 1).map(({ refundNo }) => refundNo);
  await sandbox.close();
  return {
    outcomes,
    unexpected,
    unanswered: started - answered,
    creditedTwice,
    memory,
    exitCode,
    complaints: service.errors(),
  };
}

/** Resident memory of the service, in MiB. */
export async function memoryOf(http: string): Promise<number> {
  const bytes = (await scrape(http)).value("process_memory_usage");
  if (bytes === undefined) throw new TypeError("Expected the metric process_memory_usage, got none");
  return Math.round(bytes / 1024 / 1024);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const HELP = `Loads the service while DaxPay fails in every way; the last line is the report as JSON

  --seconds <n>  how long (60)
  --help         this page`;

if (import.meta.main) {
  const seconds = readArgumentsOrExit({
    options: { seconds: { type: "string", default: "60" } },
    help: () => HELP,
    read: ({ seconds }) => wholeNumber("--seconds", seconds, { min: 1, max: 86_400 }),
  });
  const report = await soak({ seconds, print: console.log });
  console.log(`Memory in MiB: ${report.memory.join(" ")}`);
  console.log(JSON.stringify(report));
  const { unexpected, unanswered, creditedTwice, exitCode, complaints } = report;
  Deno.exit(unanswered + exitCode + [...unexpected, ...creditedTwice, ...complaints].length === 0 ? 0 : 1);
}
