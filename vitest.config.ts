import process from "node:process";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Starts with the files that take longest, so that none of them is left at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) =>
      /test\/(hardening|readme|app\/(failures|sharing|reload|store-faults|tracking-life)|cli\/(start|dev)|http\/idle|tracking\/(money|events))/
        .test(moduleId);
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    globalSetup: "test/support/shared-postgres.ts",
    // How long a busy machine may take until something that is waited for is a failure.
    expect: { poll: { timeout: 15_000 } },
    // Files of one worker share its modules: loading them anew for each would take as long as a quarter of the tests.
    isolate: false,
    // Most of them wait for sockets, browsers and processes rather than for a core.
    maxWorkers: 6,
    reporters: process.env.CI ? ["default", ["json", { outputFile: ".test-results.json" }]] : ["default"],
  },
});
