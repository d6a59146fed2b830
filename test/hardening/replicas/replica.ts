import { type JournalHead, parseHead } from "../../../src/store/identity.ts";
import { freeFixedPort } from "../../support/free-port.ts";
import { startKillable } from "../chaos-service.ts";

export interface ReplicaOptions {
  readonly daxpayUrl: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly onViolation: (violation: string) => void;
}

/** One process of the service, and those that replace it, on the same ports. */
export interface Replica extends AsyncDisposable {
  readonly http: string;
  isRunning(): boolean;
  /** Whether it may be killed now. */
  killable: boolean;
  start(): Promise<void>;
  signal(signal: Deno.Signal): void;
  /** Sends SIGKILL, or SIGTERM, and waits until the process has ended. */
  stop(signal: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** The journal's heads that all of its processes have logged. */
  heads(): readonly JournalHead[];
  /** Texts of all errors that they have logged. */
  errors(): readonly string[];
}

export async function createReplica({ daxpayUrl, variables, onViolation }: ReplicaOptions): Promise<Replica> {
  const [http, grpc] = [await freeFixedPort(), await freeFixedPort()];
  const heads: JournalHead[] = [];
  const errors: string[] = [];
  let running: Awaited<ReturnType<typeof startKillable>> | undefined;
  let starting: Promise<void> | undefined;

  async function launch(): Promise<void> {
    const service = await startKillable("3.0.0", daxpayUrl, {
      ...variables,
      PORT: String(http),
      GRPC_PORT: String(grpc),
    });
    running = service;
    service.ended.then(({ code }) => {
      for (const line of service.errors()) onViolation(`a replica wrote to standard error: ${line}`);
      for (const { level, message, properties } of service.lines()) {
        const head = typeof properties.head === "string" ? parseHead(properties.head) : undefined;
        if (head) heads.push(head);
        if (level !== "ERROR") continue;
        // The message of a call has its duration.
        errors.push(typeof properties.error === "string" ? `${properties.method ?? ""} ${properties.error}` : message);
      }
      if (running !== service) return;
      running = undefined;
      onViolation(`a replica exited by itself with ${code}`);
    });
  }

  async function stop(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const service = running;
    if (!service) return;
    running = undefined;
    service.kill(signal);
    const { code } = await service.ended;
    if (signal === "SIGTERM" && code !== 0) onViolation(`a replica exited with ${code} after SIGTERM`);
  }

  return {
    http: `http://127.0.0.1:${http}`,
    isRunning: () => running !== undefined,
    killable: true,
    start() {
      if (running) return Promise.resolve();
      return starting ??= launch().finally(() => starting = undefined);
    },
    signal: (signal) => running?.kill(signal),
    stop,
    heads: () => heads,
    errors: () => errors,
    async [Symbol.asyncDispose]() {
      await starting?.catch(() => {});
      await stop("SIGKILL");
    },
  };
}
