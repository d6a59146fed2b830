import { describe, expect, test } from "vitest";
import { createAddressPolicy, isPolicyEntry } from "../../src/util/address-policy.ts";

describe("createAddressPolicy()", () => {
  const nothing = createAddressPolicy([]);

  test("allows public addresses", () => {
    for (const address of ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:1.1.1.1"]) {
      expect([address, nothing.allows("a.example", address)]).toEqual([address, true]);
    }
  });

  test("refuses every other address", () => {
    const addresses = [
      ...["10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "127.1.2.3", "0.0.0.0", "169.254.169.254"],
      // Shared (RFC 6598), where Alibaba Cloud has its metadata, and Azure's platform address.
      ...["100.64.0.1", "100.100.100.200", "168.63.129.16"],
      ...["224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.1"],
      ...["::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1"],
      // IPv4 in IPv6: mapped, compatible, NAT64, 6to4, Teredo.
      ...["::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1"],
      ...["2002:a00:1::", "2001:0:1::1"],
    ];
    for (const address of addresses) expect([address, nothing.allows("a.example", address)]).toEqual([address, false]);
  });

  test("allows the addresses, blocks and hosts that are listed, and no others", () => {
    const policy = createAddressPolicy(["10.1.0.0/16", "fd00::/8", "192.168.1.7", "Hooks.internal"]);
    const allowed = [
      policy.allows("a.example", "10.1.2.3"),
      policy.allows("a.example", "::ffff:10.1.2.3"),
      policy.allows("a.example", "fd12::1"),
      policy.allows("a.example", "192.168.1.7"),
      policy.allows("hooks.INTERNAL.", "127.0.0.1"),
    ];
    expect(allowed).toEqual(Array(5).fill(true));
    const refused = [
      policy.allows("a.example", "10.2.0.1"),
      policy.allows("a.example", "192.168.1.8"),
      policy.allows("x.hooks.internal", "127.0.0.1"),
    ];
    expect(refused).toEqual(Array(3).fill(false));
  });

  test("knows the URLs that no address would make right", () => {
    const policy = createAddressPolicy(["10.1.0.0/16", "hooks.internal"]);
    const problem = (url: string) => policy.problem(new URL(url));
    for (const url of ["https://a.example/", "http://hooks.internal/", "http://10.1.2.3/", "https://1.1.1.1/"]) {
      expect([url, problem(url)]).toEqual([url, undefined]);
    }
    expect(problem("http://a.example/")).toMatch(/^an https URL/);
    expect(problem("http://1.1.1.1/")).toMatch(/^an https URL/);
    for (const url of ["https://10.2.0.1/", "https://2130706433/", "https://[::1]/", "https://0x7f.1/"]) {
      expect([url, problem(url)]).toEqual([url, expect.stringMatching(/^a public address/)]);
    }
  });
});

test("isPolicyEntry() accepts host names, addresses and CIDR blocks", () => {
  for (const text of ["hooks.internal", "hooks", "10.0.0.1", "10.0.0.0/8", "fd00::/8", "::1"]) {
    expect([text, isPolicyEntry(text)]).toEqual([text, true]);
  }
  for (const text of ["", "10.0.0.0/33", "10.0.0", "http://a", "a b", "*.internal", "a:80"]) {
    expect([text, isPolicyEntry(text)]).toEqual([text, false]);
  }
});
