import { describe, expect, test } from "vitest";
import { isTimeZone, zonedText } from "../../src/daxpay/time.ts";
import { hmac, read } from "./replies.ts";

/** The night when Berlin sets its clocks back: at 01:00 UTC the hour from 02:00 begins a second time. */
const BACK = Date.UTC(2026, 9, 25, 1);
const MINUTE = 60_000;

describe("zonedText.read()", () => {
  test.each([-90, -60, -31, -1, 0, 29, 59, 60, 90, 150])(
    "reads the hour that comes twice as the one nearest to now, %s minutes after the change",
    (minutes) => {
      const now = BACK + minutes * MINUTE;
      const text = String(zonedText.write(now, "Europe/Berlin"));
      expect(zonedText.read(text, "Europe/Berlin", now)).toBe(now);
      expect(zonedText.read(text, "Europe/Berlin", now + 4 * MINUTE)).toBe(now);
      expect(zonedText.read(text, "Europe/Berlin", now - 4 * MINUTE)).toBe(now);
    },
  );

  test("returns undefined for a day or hour that no calendar has", () => {
    for (const text of ["2025-02-30 12:00:00", "2025-01-01 24:00:00", "2025-01-01T12:00:00", "1715576198", ""]) {
      expect(zonedText.read(text, "Asia/Shanghai", 0)).toBeUndefined();
    }
  });

  test("throws for a zone that no configuration lets through", () => {
    expect(() => zonedText.read("2025-01-01 12:00:00", "CST", 0)).toThrow(RangeError);
  });
});

test("readReply() accepts a reply within the hour that comes twice", () => {
  for (const minutes of [-30, 30]) {
    const now = BACK + minutes * MINUTE;
    const resTime = zonedText.write(now, "Europe/Berlin");
    const sign = hmac(`CODE=0&DATA={ORDERSTATUS:SUCCESS}&RESTIME=${resTime}&KEY=123456`);
    const body = `{"code":0,"data":{"orderStatus":"success"},"resTime":"${resTime}","sign":"${sign}"}`;
    expect(read("3.0.0", body, { now, timeZone: "Europe/Berlin" })).toMatchObject({ repliedAt: now, skewMs: 0 });
  }
});

describe("isTimeZone()", () => {
  test.each(["Asia/Shanghai", "UTC", "Europe/Berlin", "+08:00"])("accepts %s", (name) => {
    expect(isTimeZone(name)).toBe(true);
    expect(zonedText.write(0, name)).toMatch(/^19(69|70)-/);
  });
  // Intl knows the first three.
  test.each(["CST", "CTT", "PST", "Asia/Nowhere", "", "北京"])("rejects %j", (name) => {
    expect(isTimeZone(name)).toBe(false);
  });
});
