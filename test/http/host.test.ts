import { networkInterfaces } from "node:os";
import { expect, test } from "vitest";
import { run, START, startProcess } from "../support/process.ts";

const DAXPAY_URL = "http://127.0.0.1:9";
const hasIpv6 = Object.values(networkInterfaces()).flat().some((at) => at?.address === "::1");

test.each([
  ["localhost", "127.0.0.1", true],
  ["[::1]", "[::1]", hasIpv6],
])("the service serves on HOST=%s (::1 needs IPv6)", async (host, address, possible) => {
  if (!possible) return;
  await using service = await startProcess({ variables: { DAXPAY_URL, HOST: host } });
  expect(new URL(service.http).hostname).toBe(address);
  for (const path of ["/healthz", "/readyz"]) expect((await fetch(service.http + path)).status).toBe(200);
});

test("the service exits with 2 when HOST is another name, and says what it expects", async () => {
  const variables = { DAXPAY_URL, DAXPAY_RELEASE: "2.0.8", DAXPAY_SIGN_SECRET: "123456", HOST: "shop.example" };
  expect(await run(START, variables)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('HOST: expected an IP address or localhost, got "shop.example"'),
  });
});
