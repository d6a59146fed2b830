import { describe, expect, test } from "vitest";
import { durationText } from "../../src/console/duration.ts";
import { LANGUAGES, tagFrom } from "../../src/console/words/choose.ts";

/** Every text of a language by its path; functions are called with "7". */
function texts(value: unknown, path = ""): [path: string, text: string][] {
  if (typeof value === "string") return [[path, value]];
  if (typeof value === "function") return [[path, value("7", "7")]];
  return Object.entries(value ?? {}).flatMap(([key, inner]) => texts(inner, `${path}.${key}`));
}

describe("the page's languages", () => {
  test("say the same things", () => {
    expect(texts(LANGUAGES.zh).map(([path]) => path)).toEqual(texts(LANGUAGES.en).map(([path]) => path));
  });

  test("English has no Chinese and Chinese is Chinese", () => {
    const own = (path: string) =>
      ![".language", ".tag", ".locale", ".commands.bufCurl", ".commands.curl"].includes(path);
    const chinese = /\p{Script=Han}/u;
    expect(texts(LANGUAGES.en).filter(([path, text]) => own(path) && chinese.test(text))).toEqual([]);
    expect(texts(LANGUAGES.zh).filter(([path, text]) => own(path) && !chinese.test(text) && text !== "7 / 7")).toEqual(
      [],
    );
  });

  test("are chosen by the browser's own order", () => {
    expect(tagFrom(["fr", "zh-Hans-CN", "en"])).toBe("zh");
    expect(tagFrom(["en-US", "zh"])).toBe("en");
    expect(tagFrom(["fr"])).toBe("en");
  });

  test.each([
    [0, "0 sec"],
    [1, "1 sec"],
    [59_001, "1 min"],
    [65_000, "1 min 5 sec"],
    [3_600_000, "1 hr"],
  ])("%i ms are %s", (ms, text) => {
    expect(durationText(ms, "en")).toBe(text);
  });
});
