import process from "node:process";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // How long a busy machine may take until something that is waited for is a failure.
    expect: { poll: { timeout: 15_000 } },
    // Most of them wait for sockets, browsers and processes rather than for a core.
    maxWorkers: 4,
    reporters: process.env.CI ? ["default", ["json", { outputFile: ".test-results.json" }]] : ["default"],
  },
});
