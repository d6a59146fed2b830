import { isLoopback, withoutBrackets } from "./url.ts";

/** Where a PostgreSQL server and one of its databases are, and who connects. */
export interface DatabaseAddress {
  /** A name, an IP address, or the absolute path of the folder that has the server's Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Undefined where the server asks for none. */
  readonly password: string | undefined;
  readonly database: string;
  /** Whether the URL itself requires TLS. */
  readonly requiresTls: boolean;
}

/** A URL of another form. The message completes "got …" and shows nothing of the URL, which may hold a password. */
export class DatabaseUrlError extends RangeError {
  override readonly name = "DatabaseUrlError";
}

export const DATABASE_URL_FORM =
  "postgres://user:password@host:port/database, or postgres://user@/database?host=/folder";

const DEFAULT_PORT = "5432";
const PARAMETERS = new Set(["host", "port", "sslmode"]);
/** All of these verify the certificate here. With libpq only the last one does in full, with pg 8 all do. */
const VERIFIED_MODES = new Set(["require", "verify-ca", "verify-full"]);
const UNVERIFIED_MODES = new Set(["disable", "allow", "prefer", "no-verify"]);

/** Reads a postgres: or postgresql: URL strictly: what it does not know, it rejects. Throws a DatabaseUrlError. */
export function parseDatabaseUrl(text: string): DatabaseAddress {
  if (!/^postgres(?:ql)?:\/\//i.test(text)) throw new DatabaseUrlError("no postgres: or postgresql: URL");
  if (/%(?![0-9a-f]{2})/i.test(text)) {
    throw new DatabaseUrlError("a URL with a % that is not percent-encoded (%25)");
  }
  // A URL with a user needs a host, which a Unix socket leaves empty.
  const hasNoHost = /^[^/]*\/\/[^/?#]*@(?=[/?#]|$)/.test(text);
  const url = parse(hasNoHost ? text.replace(/@(?=[/?#]|$)/, "@none") : text);
  if (url.hash) throw new DatabaseUrlError("a URL with a #, which is %23 in a password");
  const parameters = readParameters(url.searchParams);
  const hostname = hasNoHost ? "" : withoutBrackets(decode(url.hostname));
  const host = hostname || parameters.get("host") || "";
  if (hostname && parameters.has("host")) throw new DatabaseUrlError("a URL with two hosts");
  if (host === "") throw new DatabaseUrlError("a URL without a host");
  if (!/^\/[^\0]*$|^[^/,\s]+$/.test(host)) throw new DatabaseUrlError("a URL with another host than a single one");
  const portText = url.port || parameters.get("port") || DEFAULT_PORT;
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : 0;
  if (port < 1 || port > 65_535) throw new DatabaseUrlError("a URL with another port than 1 to 65535");
  const user = decode(url.username);
  if (user === "") throw new DatabaseUrlError("a URL without a user");
  const database = decode(url.pathname.slice(1));
  if (database === "" || database.includes("/")) throw new DatabaseUrlError("a URL without the name of a database");
  return {
    host,
    port,
    user,
    password: url.password ? decode(url.password) : undefined,
    database,
    requiresTls: parameters.has("sslmode"),
  };
}

function parse(text: string): URL {
  try {
    return new URL(text);
  } catch {
    // Its cause would quote the URL.
    throw new DatabaseUrlError("no valid URL; percent-encode what is special in user and password");
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new DatabaseUrlError("a URL that is not percent-encoded UTF-8");
  }
}

/** Names and values that are not known may be the rest of a password with a "?". */
function readParameters(search: URLSearchParams): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const [name, value] of search) {
    if (name === "sslrootcert") throw new DatabaseUrlError("a URL with sslrootcert; DATABASE_CA_FILE names the CAs");
    if (!PARAMETERS.has(name)) {
      throw new DatabaseUrlError("a URL with another parameter than host, port and sslmode; a ? in a password is %3F");
    }
    if (parameters.has(name)) throw new DatabaseUrlError(`a URL with two values of ${name}`);
    if (name === "sslmode" && !VERIFIED_MODES.has(value)) {
      const mode = UNVERIFIED_MODES.has(value) ? `sslmode=${value}` : "another sslmode";
      throw new DatabaseUrlError(
        `a URL with ${mode}, which verifies no certificate; to connect without TLS, leave it out and set DATABASE_TLS=off`,
      );
    }
    parameters.set(name, value);
  }
  return parameters;
}

/** Whether it is reached over a Unix socket, which PostgreSQL never encrypts. */
export function isSocket({ host }: DatabaseAddress): boolean {
  return host.startsWith("/");
}

/** Whether the connection stays on this machine. */
export function isLocal(address: DatabaseAddress): boolean {
  return isSocket(address) || isLoopback(address.host);
}

/** The path of the Unix socket, as PostgreSQL names it. */
export function socketPath({ host, port }: DatabaseAddress): string {
  return `${host.replace(/\/$/, "")}/.s.PGSQL.${port}`;
}
