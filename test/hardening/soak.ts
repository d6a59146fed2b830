import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { readArgumentsOrExit, wholeNumber } from "../../src/cli/arguments.ts";
import { isConnectionError } from "../../src/client.ts";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { type FaultName, FAULTS } from "../../src/sandbox/fault.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import { freePort } from "../support/free-port.ts";
import { contractViolations, errorOutcome, resultOutcome, stateOutcome } from "../support/outcome.ts";
import { startProcess } from "../support/process.ts";
import { PROTOCOLS } from "../support/service.ts";
import { createSteppableClock, type SteppableClock } from "../support/steppable-clock.ts";
import { CLOCK_STEPS, type ClockStep, clockStepProblems, createClockProbe } from "./soak-clock.ts";
import { checkPrlimit, exhaustDescriptors, type Exhaustion } from "./soak-descriptors.ts";

export interface SoakOptions {
  readonly seconds: number;
  /** Called with the progress every few seconds. */
  readonly print: (line: string) => void;
}

export interface SoakReport {
  /** Number of calls, results of batches and attempts of watches by status or reason. */
  readonly outcomes: Readonly<Record<string, number>>;
  /**
   * Errors that break the contract, apart from the caller's own deadline and the connection errors below, those that are bugs
   * of the service, and disturbances from which it does not recover in time.
   */
  readonly unexpected: readonly string[];
  /** Parts that this machine cannot run, and why. */
  readonly skipped: readonly string[];
  readonly clockSteps: readonly ClockStep[];
  /** Undefined where file descriptors did not run out, in a run of less than 30 s. */
  readonly descriptors: Exhaustion | undefined;
  /** Calls that ended without a connection while file descriptors had run out. */
  readonly connectionErrors: number;
  /** The last message of the log, part of which was not read while it was written. */
  readonly lastMessage: string | undefined;
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
/** Parts of the run: the clock is off while the faults go on, and standard output is not read from one until the other. */
const CLOCK_OFF = 0.05;
const UNREAD = [1 / 3, 2 / 3] as const;
/** Milliseconds that the service may take to answer while nobody reads its standard output. */
const ANSWER_TIMEOUT_MS = 2_000;
/** File descriptors run out in runs of this many seconds, from this part of the run on, for some milliseconds. */
const MIN_EXHAUSTION_SECONDS = 30;
const EXHAUSTION_AT = 0.75;
const EXHAUSTION_MS = 5_000;
/** MiB. */
const MAX_MEMORY = 600;
/** Refunds that the channel has closed: each sync of one credits its amount. */
const CLOSED = Array.from({ length: 100 }, (_, index) => `CLOSED-${index}`);

/**
 * Mixed load on a service of its own, while each of the sandbox's faults breaks some requests, the service's wall clock is
 * set, its standard output is not read, and its file descriptors run out.
 */
export async function soak({ seconds, print }: SoakOptions): Promise<SoakReport> {
  const skipped: string[] = [];
  using clock = skipUnlessAvailable("clock steps", createSteppableClock);
  const canExhaust = seconds >= MIN_EXHAUSTION_SECONDS &&
    skipUnlessAvailable("running out of file descriptors", () => (checkPrlimit(), true));
  const sandbox = await createSandbox({ release: "3.0.0" });
  for (const refundNo of CLOSED) sandbox.addRefund({ refundNo, state: "CLOSED" });
  await using service = await startProcess({
    variables: {
      // Not 0: with that, the service may not connect to its own ports, as it does to see whether they accept connections.
      PORT: String(await freePort()),
      GRPC_PORT: String(await freePort()),
      DAXPAY_URL: sandbox.url,
      DAXPAY_RELEASE: "3.0.0",
      DAXPAY_APP_ID: "M8207639754663343",
      DAXPAY_MCH_NO: "M1745845174843",
      DAXPAY_TIMEOUT_MS: "1000",
      DAXPAY_RATE: "2000",
      // The sandbox has no other caller, and its channel answers at once.
      DAXPAY_SETTLE_ON_START: "off",
      DAXPAY_SETTLE_TIMEOUT: "2s",
      ...clock?.variables,
    },
  });
  const start = performance.now();
  const end = start + seconds * 1000;
  const running = () => performance.now() < end;
  const outcomes: Record<string, number> = {};
  const unexpected: string[] = [];
  const memory: number[] = [];
  const clockSteps: ClockStep[] = [];
  let descriptors: Exhaustion | undefined;
  /** When both ports accepted connections again; undefined before file descriptors run out. */
  let exhaustedUntil: number | undefined;
  let connectionErrors = 0;
  let faultsPaused = false;
  let started = 0;
  let answered = 0;

  function skipUnlessAvailable<T>(part: string, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotSupported)) throw error;
      skipped.push(`${part}: ${error}`);
      print(`Without ${part}: ${error}`);
      return undefined;
    }
  }

  function count(outcome: string): void {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }

  function countError(call: string, startedAt: number, error: ConnectError): void {
    // The client's own, which has no details.
    if (error.code === Code.DeadlineExceeded && error.details.length === 0) return count("caller's deadline");
    if (exhaustedUntil !== undefined && startedAt < exhaustedUntil && !error.isWireError && isConnectionError(error)) {
      connectionErrors++;
      return;
    }
    const violations = contractViolations(error);
    const origin = error.isWireError ? "from the service" : `from the client: ${Deno.inspect(error.cause)}`;
    const reason = violations.length > 0 ? "untyped" : errorOutcome(error).reason;
    if (reason === "untyped" || reason === "INTERNAL") {
      const ms = Math.round(performance.now() - startedAt);
      unexpected.push([`${call}, ${ms} ms: ${error}`, origin, ...violations].join("; "));
    }
    count(reason);
  }

  async function call(name: string, work: () => Promise<void>): Promise<void> {
    started++;
    const startedAt = performance.now();
    try {
      await work();
    } catch (error) {
      countError(name, startedAt, ConnectError.from(error));
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
      if (!faultsPaused) sandbox.setFault(names[turn % names.length], { times: FAULT_TIMES, retryAfterSeconds: 1 });
      await pause(FAULT_MS);
    }
  }

  const until = (part: number) => pause(Math.max(0, start + part * seconds * 1000 - performance.now()));

  async function stepClock({ set }: SteppableClock): Promise<void> {
    const callUntil = createClockProbe(createClient(RefundSyncService, PROTOCOLS.gRPC(service)));
    for (const { at, aheadSeconds, expected } of CLOCK_STEPS) {
      await until(at);
      print(`The clock is ${aheadSeconds} s ahead`);
      set(aheadSeconds * 1000);
      await until(at + CLOCK_OFF);
      // Their throttling and open circuits would hide how the clock's step back works.
      faultsPaused = true;
      sandbox.clearFaults();
      const { outcome } = await callUntil(expected);
      set(0);
      const after = await callUntil(["SUCCEEDED"]);
      faultsPaused = false;
      const step = { aheadSeconds, outcome, outcomeAfter: after.outcome, recoveredMs: after.ms };
      clockSteps.push(step);
      unexpected.push(...clockStepProblems(step, expected));
    }
  }

  async function leaveOutputUnread(): Promise<void> {
    const [from, to] = UNREAD;
    await until(from);
    print("Standard output is not read");
    const resume = service.pauseOutput();
    await until(to);
    // Apart from the load, whose callers' own deadlines could hide that the service waits for its reader.
    const request = fetch(`${service.http}/healthz`, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    const status = await request.then(({ status }) => status, String);
    if (status !== 200) unexpected.push(`standard output not read: expected status 200 of /healthz, got ${status}`);
    resume();
    print("Standard output is read again");
  }

  async function exhaust(): Promise<void> {
    await until(EXHAUSTION_AT);
    print("File descriptors run out");
    exhaustedUntil = Infinity;
    const [http, grpc] = [service.http, service.grpc].map((url) => Number(new URL(url).port));
    descriptors = await exhaustDescriptors(service.pid, http, grpc, EXHAUSTION_MS);
    exhaustedUntil = performance.now();
    const { exhausted, recoveredMs } = descriptors;
    print(`Both ports accept connections ${recoveredMs} ms later`);
    if (!exhausted) unexpected.push("expected file descriptors to run out, got answers on new connections");
    if (recoveredMs === undefined) unexpected.push("expected both ports to accept connections again, got none");
  }

  async function measure(): Promise<void> {
    for (let turn = 0; running(); turn++) {
      memory.push(await memoryOf(service.pid));
      const secondsLeft = Math.round((end - performance.now()) / 1000);
      if (turn % 5 === 0) print(`${secondsLeft} s left: ${answered} calls, ${memory.at(-1)} MiB`);
      await pause(1000);
    }
  }

  const callers = Object.keys(PROTOCOLS).flatMap((protocol) =>
    Array.from({ length: CALLERS }, (_, index) => caller(protocol, index))
  );
  await Promise.all([
    ...callers,
    setFaults(),
    measure(),
    leaveOutputUnread(),
    ...(clock ? [stepClock(clock)] : []),
    ...(canExhaust ? [exhaust()] : []),
  ]);
  sandbox.clearFaults();
  const lastMemory = await memoryOf(service.pid);
  memory.push(lastMemory);
  if (lastMemory > MAX_MEMORY) unexpected.push(`expected at most ${MAX_MEMORY} MiB of memory, got ${lastMemory}`);
  service.kill("SIGTERM");
  const { code: exitCode } = await service.ended;
  const creditedTwice = sandbox.refunds().filter(({ credits }) => credits > 1).map(({ refundNo }) => refundNo);
  await sandbox.close();
  return {
    outcomes,
    unexpected,
    skipped,
    clockSteps,
    descriptors,
    connectionErrors,
    lastMessage: service.lines().at(-1)?.message,
    unanswered: started - answered,
    creditedTwice,
    memory,
    exitCode,
    complaints: service.errors(),
  };
}

/** Resident memory of a process, in MiB. */
export async function memoryOf(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "rss=", "-p", String(pid)] }).output();
  const kib = Number(new TextDecoder().decode(stdout).trim());
  if (!(kib > 0)) throw new TypeError(`Expected the memory of process ${pid}, got none`);
  return Math.round(kib / 1024);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const HELP =
  `Loads the service while DaxPay fails in every way, the clock is set, standard output is not read and, in a run of at
least ${MIN_EXHAUSTION_SECONDS} s, file descriptors run out; the last line is the report as JSON

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
