import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { failureOf } from "../../src/client.ts";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { type FaultName, FAULTS } from "../../src/sandbox/fault.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import { startProcess } from "../support/process.ts";
import { PROTOCOLS } from "../support/service.ts";

export interface SoakOptions {
  readonly seconds: number;
  /** Hears of the memory now and then. */
  readonly print: (line: string) => void;
}

export interface SoakReport {
  /** How many calls ended how. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Errors without a SyncFailure that are not the caller's own deadline. */
  readonly untyped: readonly string[];
  readonly unanswered: number;
  /** Resident memory of the service, in MiB, in order. */
  readonly memory: readonly number[];
  readonly exitCode: number;
  /** What the service wrote to standard error. */
  readonly complaints: readonly string[];
}

/** Callers at the same time, of each protocol. */
const CALLERS = 3;
/** Milliseconds: between faults, and the longest that a caller waits. */
const FAULT_MS = 400;
const CALL_TIMEOUT_MS = 3_000;
/** So that two cores can keep up. */
const PAUSE_MS = 10;

/** Mixed load on a service of its own, while the sandbox's faults are switched on and off. */
export async function soak({ seconds, print }: SoakOptions): Promise<SoakReport> {
  const sandbox = await createSandbox({ release: "2.0.8" });
  await using service = await startProcess({
    variables: { DAXPAY_URL: sandbox.url, DAXPAY_RELEASE: "2.0.8", DAXPAY_TIMEOUT_MS: "1000", DAXPAY_RATE: "2000" },
  });
  const end = Date.now() + seconds * 1000;
  const outcomes: Record<string, number> = {};
  const untyped: string[] = [];
  const memory: number[] = [];
  let started = 0;
  let answered = 0;

  async function call(name: string, work: () => Promise<unknown>): Promise<void> {
    started++;
    let outcome = "ok";
    try {
      await work();
    } catch (caught) {
      const error = ConnectError.from(caught);
      outcome = Code[error.code];
      if (!failureOf(error) && error.code !== Code.DeadlineExceeded) untyped.push(`${name}: ${error.message}`);
    }
    answered++;
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }

  async function caller(protocol: string, at: number): Promise<void> {
    const client = createClient(RefundSyncService, PROTOCOLS[protocol](service));
    const options = { timeoutMs: CALL_TIMEOUT_MS };
    for (let turn = at; Date.now() < end; turn++) {
      const refundNo = `LOAD-${turn % 50}`;
      if (turn % 10 === 0) {
        const refunds = Array.from({ length: 20 }, (_, index) => ({ refundNo: `LOAD-${turn}-${index}` }));
        await call(`${protocol} batch`, () => Array.fromAsync(client.batchSyncRefunds({ requests: refunds }, options)));
      } else if (turn % 10 === 5) {
        await call(`${protocol} watch`, () => Array.fromAsync(client.watchRefund({ refundNo }, options)));
      } else {
        await call(`${protocol} unary`, () => client.syncRefund({ refundNo }, options));
      }
      await pause(PAUSE_MS);
    }
  }

  async function trouble(): Promise<void> {
    const names = Object.keys(FAULTS) as FaultName[];
    for (let turn = 0; Date.now() < end; turn++) {
      sandbox.setFault(names[turn % names.length]);
      await pause(FAULT_MS);
      sandbox.clearFaults();
      await pause(FAULT_MS);
    }
  }

  async function measure(): Promise<void> {
    for (let turn = 0; Date.now() < end; turn++) {
      memory.push(await memoryOf(service.http));
      if (turn % 5 === 0) {
        print(`${Math.round((end - Date.now()) / 1000)} s left: ${answered} calls, ${memory.at(-1)} MiB`);
      }
      await pause(1000);
    }
  }

  const callers = Object.keys(PROTOCOLS).flatMap((protocol) =>
    Array.from({ length: CALLERS }, (_, index) => caller(protocol, index * 7))
  );
  await Promise.all([...callers, trouble(), measure()]);
  sandbox.clearFaults();
  memory.push(await memoryOf(service.http));
  service.kill("SIGTERM");
  const { code: exitCode } = await service.ended;
  await sandbox.close();
  const complaints = service.errors();
  return { outcomes, untyped, unanswered: started - answered, memory, exitCode, complaints };
}

/** Resident memory of the service, in MiB. */
export async function memoryOf(http: string): Promise<number> {
  const text = await (await fetch(`${http}/metrics`)).text();
  return Math.round(Number(/^process_memory_usage (\S+)$/m.exec(text)?.[1]) / 1024 / 1024);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Takes the seconds as its argument, 60 if there is none; its last line is the report as JSON. */
if (import.meta.main) {
  const report = await soak({ seconds: Number(Deno.args[0] ?? 60), print: console.log });
  console.log(`Memory in MiB: ${report.memory.join(" ")}`);
  console.log(JSON.stringify(report));
  const good = report.untyped.length === 0 && report.unanswered === 0 && report.exitCode === 0;
  Deno.exit(good && report.complaints.length === 0 ? 0 : 1);
}
