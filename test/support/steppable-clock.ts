import path from "node:path";

export interface SteppableClock extends Disposable {
  /** Environment variables of the process that reads the clock. */
  readonly variables: Readonly<Record<string, string>>;
  /** Sets the process's wall clock to this many milliseconds ahead of the system's; negative: behind. */
  set(aheadMs: number): void;
}

const SOURCE = path.resolve(import.meta.dirname ?? "", "clock-step.c");

/** Compiles a library that shifts a process's wall clock. Throws NotSupported or, without a C compiler, NotFound. */
export function createSteppableClock(): SteppableClock {
  if (Deno.build.os !== "linux") throw new Deno.errors.NotSupported(`expected Linux, got ${Deno.build.os}`);
  const folder = Deno.makeTempDirSync();
  // The process may be another user's.
  Deno.chmodSync(folder, 0o755);
  const remove = () => Deno.removeSync(folder, { recursive: true });
  const library = path.join(folder, "clock-step.so");
  const step = path.join(folder, "step");
  const set = (aheadMs: number) => {
    // In place: the library has the file mapped.
    using file = Deno.openSync(step, { write: true, create: true });
    file.writeSync(new Uint8Array(new BigInt64Array([BigInt(aheadMs)]).buffer));
  };
  try {
    set(0);
    const args = ["-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"];
    const { success, stderr } = new Deno.Command("cc", { args }).outputSync();
    if (!success) throw new Error(`cc: ${new TextDecoder().decode(stderr)}`);
  } catch (error) {
    remove();
    throw error;
  }
  return { variables: { LD_PRELOAD: library, CLOCK_STEP_FILE: step }, set, [Symbol.dispose]: remove };
}
