import { describe, expect, test } from "vitest";
import { durationText } from "../../src/console/duration.ts";
import { localeFrom, MESSAGES } from "../../src/console/i18n/locale.ts";

/** Every text of a language with its path; functions are called with "7". */
function texts(value: unknown, path = ""): [path: string, text: string][] {
  if (typeof value === "string") return [[path, value]];
  if (typeof value === "function") return [[path, value("7", "7")]];
  return Object.entries(value ?? {}).flatMap(([key, inner]) => texts(inner, `${path}.${key}`));
}

describe("MESSAGES", () => {
  test("have the same texts in every language", () => {
    expect(texts(MESSAGES.zh).map(([path]) => path)).toEqual(texts(MESSAGES.en).map(([path]) => path));
  });

  test("are English in English and Chinese in Chinese", () => {
    const own = (path: string) =>
      ![".language", ".locale", ".languageTag", ".commands.bufCurl", ".commands.curl"].includes(path);
    const chinese = /\p{Script=Han}/u;
    expect(texts(MESSAGES.en).filter(([path, text]) => own(path) && chinese.test(text))).toEqual([]);
    expect(texts(MESSAGES.zh).filter(([path, text]) => own(path) && !chinese.test(text) && text !== "7 / 7")).toEqual(
      [],
    );
  });

  test("localeFrom() returns the browser's first language that the page has", () => {
    expect(localeFrom(["fr", "zh-Hans-CN", "en"])).toBe("zh");
    expect(localeFrom(["en-US", "zh"])).toBe("en");
    expect(localeFrom(["fr"])).toBe("en");
  });

  test.each([
    [0, "0 sec"],
    [1, "1 sec"],
    [59_001, "1 min"],
    [65_000, "1 min 5 sec"],
    [3_600_000, "1 hr"],
  ])("durationText() formats %i ms as %s", (ms, text) => {
    expect(durationText(ms, "en")).toBe(text);
  });
});
