import { createRequire } from "node:module";
import { isIP } from "node:net";
import type Ipaddr from "ipaddr.js";
import { withoutBrackets } from "./url.ts";

/** Which addresses of other networks may be connected to. */
export interface AddressPolicy {
  /** Completes "expected …" where a URL can never be connected to; undefined where it depends on its addresses, if on anything. */
  problem(url: URL): string | undefined;
  /** Whether the host of that name may be connected to at this address. */
  allows(hostname: string, address: string): boolean;
}

type Range = readonly [Ipaddr.IPv4 | Ipaddr.IPv6, number];

/** Loaded when it is needed first: only accounts with a webhook need it. */
let loaded: typeof Ipaddr | undefined;
const ipaddr = (): typeof Ipaddr => loaded ??= createRequire(import.meta.url)("ipaddr.js");

/** Azure's platform address, which answers a machine's own requests only, is a public one by its range. */
const PLATFORM_ADDRESS = "168.63.129.16";

/** Whether it is a host name, an address or a CIDR block. */
export function isPolicyEntry(text: string): boolean {
  return rangeOf(text) !== undefined ||
    /^(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?$/i.test(text) && !/^[\d.]+$/.test(text);
}

/** Allows public addresses, and of others those of the given hosts and ranges; see `isPolicyEntry`. */
export function createAddressPolicy(entries: readonly string[]): AddressPolicy {
  const ranges = entries.map(rangeOf).filter((range) => range !== undefined);
  const hosts = new Set(entries.filter((entry) => rangeOf(entry) === undefined).map(normalizeHost));
  const inRanges = (address: string) => ranges.some((range) => isWithin(address, range));
  const allows = (hostname: string, address: string) =>
    hosts.has(normalizeHost(hostname)) || inRanges(address) || isPublic(address);
  return {
    allows,
    problem(url) {
      const host = withoutBrackets(url.hostname);
      const isAddress = isIP(host) !== 0;
      if (isAddress && !allows(host, host)) return "a public address, or one that WEBHOOK_ALLOW_PRIVATE lists";
      if (url.protocol === "https:" || hosts.has(normalizeHost(host)) || (isAddress && inRanges(host))) {
        return undefined;
      }
      return "an https URL, or http with a host that WEBHOOK_ALLOW_PRIVATE lists";
    },
  };
}

function normalizeHost(host: string): string {
  return host.toLowerCase().replace(/\.$/, "");
}

/** The range of a CIDR block or of a single address. */
function rangeOf(text: string): Range | undefined {
  if (ipaddr().isValidCIDR(text)) return ipaddr().parseCIDR(text);
  return isIP(text) === 0 ? undefined : ipaddr().parseCIDR(`${text}/${isIP(text) === 4 ? 32 : 128}`);
}

function isWithin(address: string, [network, bits]: Range): boolean {
  const parsed = ipaddr().process(address);
  return parsed.kind() === network.kind() && parsed.match(network, bits);
}

/** Neither private, loopback, link-local, shared, multicast or reserved, nor a way to an IPv4 address through a gateway. */
function isPublic(address: string): boolean {
  // An IPv4 address that is mapped to IPv6 is judged as itself.
  const parsed = ipaddr().process(address);
  return parsed.range() === "unicast" && parsed.toString() !== PLATFORM_ADDRESS;
}
