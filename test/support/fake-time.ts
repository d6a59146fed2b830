import { vi } from "vitest";
import { settle } from "./clock.ts";

/** Time that stands still until it is passed, for everything that reads the system's clocks. */
export interface FakeTime extends Disposable {
  /** Passes time; whatever falls due runs, with all that it sets off. */
  advance(ms: number): Promise<void>;
}

/** Several turns of the event loop: a request and its reply pass through streams, which need some. */
const TURNS = 3;

/**
 * Installs fake timers until it is disposed. `isBusy`: whether work is under way that no timer belongs to, a database's for
 * example; defaults to none.
 */
export function installFakeTime(isBusy: () => boolean = () => false): FakeTime {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"] });

  async function run(): Promise<void> {
    do {
      for (let turn = 0; turn < TURNS; turn++) await settle();
    } while (isBusy());
  }

  return {
    async advance(ms) {
      let reached = false;
      setTimeout(() => reached = true, ms);
      await run();
      while (!reached) {
        vi.advanceTimersToNextTimer();
        await run();
      }
    },
    [Symbol.dispose]: () => void vi.useRealTimers(),
  };
}
