/** The C library by operating system. */
const LIBC: Partial<Record<typeof Deno.build.os, string>> = { linux: "libc.so.6", darwin: "libSystem.B.dylib" };
/** Linux' number of SIGCHLD, and SIG_IGN. */
const [SIGCHLD, SIG_IGN] = [17, 1n];

/**
 * Replaces this process by Deno with these arguments, in the current environment. Unlike a child process it keeps the process
 * id, so that signals, exit code and standard streams need no forwarding and nothing can be orphaned. Deno has no such call.
 */
export function execDeno(args: readonly string[]): never {
  const library = LIBC[Deno.build.os];
  if (library === undefined) throw new Error(`expected Linux or macOS, got ${Deno.build.os}`);
  const libc = Deno.dlopen(library, {
    execv: { parameters: ["buffer", "buffer"], result: "i32" },
    signal: { parameters: ["i32", "pointer"], result: "pointer" },
  });
  // The first process of a container inherits orphans, which stay zombies unless it ignores SIGCHLD. The service has no
  // children of its own.
  if (Deno.build.os === "linux") libc.symbols.signal(SIGCHLD, Deno.UnsafePointer.create(SIG_IGN));
  const encoder = new TextEncoder();
  const strings = [Deno.execPath(), ...args].map((text) => encoder.encode(`${text}\0`));
  const addresses = strings.map((bytes) => Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
  libc.symbols.execv(strings[0], new BigUint64Array([...addresses, 0n]));
  throw new Error(`cannot execute ${Deno.execPath()}`);
}
