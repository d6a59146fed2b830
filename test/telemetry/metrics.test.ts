import { metrics } from "@opentelemetry/api";
import { afterEach, expect, test, vi } from "vitest";
import { createMetrics } from "../../src/telemetry/metrics.ts";

afterEach(() => void vi.useRealTimers());

test("createMetrics().scrape() shows a gauge's present value after the wall clock was set back", async () => {
  vi.useFakeTimers({ toFake: ["Date", "performance"], now: 1_000_000_000 });
  const instruments = createMetrics(metrics.getMeter("test"));
  let value = 1;
  instruments.createObservableGauge("test.value").addCallback((result) => result.observe(value));
  const shown = async () => /^test_value (\d+)/m.exec(await instruments.scrape())?.[1];
  expect(await shown()).toBe("1");
  value = 2;
  vi.setSystemTime(1_000_000_000 - 900_000);
  expect(await shown()).toBe("2");
});
