import { expect, test } from "vitest";
import { hostPort, hostPortOf, pathOf, withoutBrackets } from "../../src/util/url.ts";

test.each([
  ["http://pay.example", "pay.example:80"],
  ["https://pay.example/base", "pay.example:443"],
  ["https://pay.example:8443", "pay.example:8443"],
  ["http://[::1]:8080", "[::1]:8080"],
  ["https://[2001:db8::1]", "[2001:db8::1]:443"],
])("hostPortOf(%s) returns %s", (url, expected) => {
  expect(hostPortOf(new URL(url))).toBe(expected);
});

test("hostPort() puts only IPv6 addresses in brackets, which withoutBrackets() removes", () => {
  expect([hostPort("127.0.0.1", 1), hostPort("::1", 1)]).toEqual(["127.0.0.1:1", "[::1]:1"]);
  expect(["[::1]", "127.0.0.1"].map(withoutBrackets)).toEqual(["::1", "127.0.0.1"]);
});

test.each([["/a?b?c", "/a"], ["/a", "/a"], ["*", "*"], [undefined, ""]])("pathOf(%j) returns %j", (target, path) => {
  expect(pathOf(target)).toBe(path);
});
