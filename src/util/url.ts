/** Joins host and port; an IPv6 address gets its brackets. */
export function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Removes the brackets that URLs put around an IPv6 address. */
export function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}

/** Port of an http or https URL, its scheme's default included. */
export function portOf(url: URL): number {
  return Number(url.port || (url.protocol === "https:" ? 443 : 80));
}

/** `host:port` of an http or https URL, its scheme's default port included. */
export function hostPortOf(url: URL): string {
  return hostPort(withoutBrackets(url.hostname), portOf(url));
}

/** Path of a request target, without its query. */
export function pathOf(target = ""): string {
  return target.split("?", 1)[0];
}

/** Whether the host is this machine. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
