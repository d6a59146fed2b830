import { z } from "zod";
import type { DaxPayOptions } from "../daxpay/client.ts";
import { type Release, RELEASE_NAMES, type ReleaseName, RELEASES, SIGN_TYPES } from "../daxpay/release.ts";
import type { RateLimitOptions } from "../refund/rate-limiter.ts";

/** Everything that the service can be told from outside. */
export interface Config {
  readonly daxpay: DaxPayOptions;
  readonly budget: RateLimitOptions;
  readonly watch: { readonly waits: readonly [number, ...number[]]; readonly jitter: number };
  readonly host: string;
  /** HTTP/1.1 without TLS, both versions with it. */
  readonly port: number;
  /** Cleartext HTTP/2; nothing listens on it with TLS. */
  readonly grpcPort: number;
  readonly tls: TlsConfig | undefined;
  readonly auth: AuthConfig;
  /** Origins whose pages may call. */
  readonly parseOrigins: readonly string[];
  /** Connections at the same time, over both ports. */
  readonly maxConnections: number;
  /** Milliseconds from the signal to stop until what is still running is cut. */
  readonly stopTimeoutMs: number;
  readonly log: LogConfig;
}

export interface TlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  /** Turns on client certificates. */
  readonly clientCaFile: string | undefined;
}

export interface JwtConfig {
  readonly jwksUrl: URL;
  readonly issuer: string;
  readonly audience: string;
  readonly scope: string | undefined;
}

/** Whichever of these is set lets a caller in; where none is, everybody may call. */
export interface AuthConfig {
  readonly tokensFile: string | undefined;
  readonly jwt: JwtConfig | undefined;
  /** Whether reflection needs no credentials. */
  readonly openReflection: boolean;
}

export interface LogConfig {
  readonly level: "trace" | "debug" | "info" | "warning" | "error" | "fatal";
  readonly format: "json" | "text";
}

/** One environment variable. */
interface Variable {
  readonly schema: z.ZodType<unknown, string>;
  /** Ends the sentence "found …, wanted …". */
  readonly expected: string;
  /** What the documentation says of it. */
  readonly description: string;
  /** The text that holds when the variable is unset or empty. */
  readonly default?: string;
  /** Shown in the documentation where there is no fallback. */
  readonly defaultLabel?: string;
  /** Its value is never shown, and it may also come from the file that NAME_FILE names. */
  readonly secret?: true;
}

const port = z.string().regex(/^\d{1,5}$/).transform(Number).refine((value) => value <= 65_535);
const milliseconds = z.string().regex(/^\d{1,9}$/).transform(Number).refine((value) => value > 0);
const positiveInt = (most: number) => z.string().regex(/^\d{1,9}$/).transform(Number).refine((n) => n > 0 && n <= most);
const text = (most: number) => z.string().max(most);
const path = z.string().max(4096).refine((value) => !value.includes("\0"));

/** Every variable, in the order of the documentation. `.env.example` and the README's table say the same. */
export const VARIABLES = {
  DAXPAY_URL: {
    schema: z.url({ protocol: /^https?$/ }).transform((value) => new URL(value))
      .refine((url) => !url.username && !url.password && !url.search && !url.hash),
    expected: "an http or https address without credentials, query and fragment",
    description: "base address of DaxPay, may hold a path prefix",
    defaultLabel: "required",
  },
  DAXPAY_RELEASE: {
    schema: z.enum(RELEASE_NAMES),
    expected: `one of ${RELEASE_NAMES.join(", ")}`,
    description: `which DaxPay answers there: ${RELEASE_NAMES.join(", ")}`,
    default: "documented",
  },
  DAXPAY_SYNC_PATH: {
    schema: z.string().regex(/^\/[^?#\s]*$/),
    expected: 'a path that begins with "/"',
    description: "path of the refund sync, if a proxy changes it",
    defaultLabel: "the release's",
  },
  DAXPAY_SIGN_TYPE: {
    schema: z.enum(SIGN_TYPES),
    expected: `one of ${SIGN_TYPES.join(", ")}`,
    description: "HMAC_SHA256, MD5 or, on 3.x, SM3, as chosen in DaxPay",
    default: "HMAC_SHA256",
  },
  DAXPAY_SIGN_SECRET: {
    schema: z.string(),
    expected: "the signing secret",
    description: "the signing secret (签名密钥)",
    defaultLabel: "required",
    secret: true,
  },
  DAXPAY_SIGN_SECRET_PREVIOUS: {
    schema: z.string(),
    expected: "the former signing secret",
    description: "also accepted in replies, while the secret is being changed",
    secret: true,
  },
  DAXPAY_APP_ID: {
    schema: text(32),
    expected: "at most 32 characters",
    description: "application number (应用号); 3.x only, required there",
  },
  DAXPAY_MCH_NO: {
    schema: text(32),
    expected: "at most 32 characters",
    description: "merchant number (商户号); 3.0.0 only, required there",
  },
  DAXPAY_CLIENT_IP: {
    schema: z.union([z.ipv4(), z.ipv6()]),
    expected: "an IPv4 or IPv6 address",
    description: "sent as clientIp when the caller gives none",
  },
  DAXPAY_TIMEOUT_MS: {
    schema: milliseconds,
    expected: "milliseconds, a whole number above 0",
    description: "the longest wait for one answer of DaxPay, in milliseconds",
    default: "30000",
  },
  DAXPAY_TIME_ZONE: {
    schema: z.string().refine(isTimeZone),
    expected: "the name of a time zone like Asia/Shanghai",
    description: "zone of 3.x's times: the one that DaxPay's server runs in",
    default: "Asia/Shanghai",
  },
  DAXPAY_MAX_SKEW_MS: {
    schema: milliseconds,
    expected: "milliseconds, a whole number above 0",
    description: "allowed distance of a reply's time from this clock, in milliseconds",
    default: "300000",
  },
  DAXPAY_RATE: {
    schema: positiveInt(100_000),
    expected: "a whole number from 1 to 100000",
    description: "requests to DaxPay per second at the most, over all callers",
    default: "50",
  },
  DAXPAY_CONCURRENCY: {
    schema: positiveInt(10_000),
    expected: "a whole number from 1 to 10000",
    description: "requests to DaxPay under way at the same time at the most",
    default: "64",
  },
  WATCH_SCHEDULE: {
    schema: z.string().transform(parseDurations).refine((waits) => waits !== undefined),
    expected: 'waits above 0 like "500ms,10s,5m,1h", none longer than 24h',
    description: "waits between a watch's syncs (ms, s, m, h); the last repeats",
    default: "10s,30s,1m,1m,1m,5m,10m,20m,30m",
  },
  WATCH_JITTER: {
    schema: z.string().regex(/^(0(\.\d+)?|1(\.0+)?)$/).transform(Number),
    expected: "a number from 0 to 1",
    description: "each of these waits is spread by up to this part of itself",
    default: "0.2",
  },
  HOST: {
    schema: text(255).regex(/^\S+$/),
    expected: "a host name or address",
    description: "address to listen on",
    default: "127.0.0.1",
  },
  PORT: {
    schema: port,
    expected: "a port number from 0 to 65535",
    description: "HTTP/1.1: console, Connect, gRPC-Web, health, metrics; with TLS, HTTP/2 as well",
    default: "8080",
  },
  GRPC_PORT: {
    schema: port,
    expected: "a port number from 0 to 65535",
    description: "cleartext HTTP/2: gRPC, Connect, gRPC-Web, reflection, health; unused with TLS",
    default: "9090",
  },
  TLS_CERT_FILE: {
    schema: path,
    expected: "the path of a file",
    description: "PEM file with the server's certificate and its chain; read again when it changes",
  },
  TLS_KEY_FILE: {
    schema: path,
    expected: "the path of a file",
    description: "PEM file with the certificate's private key; read again when it changes",
  },
  TLS_CLIENT_CA_FILE: {
    schema: path,
    expected: "the path of a file",
    description: "PEM file with the authorities whose client certificates let callers in; the subject's CN names them",
  },
  AUTH_TOKENS_FILE: {
    schema: path,
    expected: "the path of a file",
    description: "file with one `name token` per line (`#` for comments); read again when it changes",
  },
  AUTH_JWKS_URL: {
    schema: z.url({ protocol: /^https?$/ }).transform((value) => new URL(value))
      .refine((url) => !url.username && !url.password && !url.hash)
      .refine((url) => url.protocol === "https:" || isLoopback(url.hostname.replace(/^\[|\]$/g, ""))),
    expected: "an https address (http only on loopback) without credentials and fragment",
    description: "where the issuer of JWTs publishes its keys (JWKS)",
  },
  AUTH_ISSUER: {
    schema: text(1000),
    expected: "at most 1000 characters",
    description: "the `iss` that a JWT must have; required with AUTH_JWKS_URL",
  },
  AUTH_AUDIENCE: {
    schema: text(1000),
    expected: "at most 1000 characters",
    description: "the `aud` that a JWT must have; required with AUTH_JWKS_URL",
  },
  AUTH_SCOPE: {
    schema: z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/),
    expected: "one word of a JWT's scope",
    description: "a word that a JWT's `scope` must hold",
  },
  AUTH: {
    schema: z.literal("none"),
    expected: '"none", to say openly that callers need no credentials',
    description: "`none` allows every caller; without tokens, JWTs or client certificates, needed off loopback",
  },
  REFLECTION: {
    schema: z.enum(["open", "closed"]),
    expected: "open or closed",
    description: "`open` shows the schema to everybody; otherwise reflection asks for the same credentials as the rest",
    default: "closed",
  },
  CORS_ORIGINS: {
    schema: z.string().transform(origins).refine((list) => list !== undefined),
    expected: 'origins like "https://shop.example", separated by commas',
    description:
      "comma-separated origins of the pages that may call from a browser; without credentials and TLS, also the " +
      "console's own where it is reached by a name other than localhost",
  },
  MAX_CONNECTIONS: {
    schema: positiveInt(1_000_000),
    expected: "a whole number from 1 to 1000000",
    description: "connections at the same time at the most; further ones are closed at once",
    default: "4096",
  },
  STOP_TIMEOUT_MS: {
    schema: milliseconds,
    expected: "milliseconds, a whole number above 0",
    description: "how long calls may finish after SIGTERM, in milliseconds",
    default: "10000",
  },
  LOG_LEVEL: {
    schema: z.enum(["trace", "debug", "info", "warning", "error", "fatal"]),
    expected: "one of trace, debug, info, warning, error, fatal",
    description: "the least severe level that is logged",
    default: "info",
  },
  LOG_FORMAT: {
    schema: z.enum(["json", "text"]),
    expected: "json or text",
    description: "form of the log lines; on a terminal `text` if unset",
    defaultLabel: "json",
  },
} as const satisfies Record<string, Variable>;

type Variables = typeof VARIABLES;
type Name = keyof Variables;
type Value<N extends Name> = NonNullable<z.output<Variables[N]["schema"]>>;
type Values = { readonly [N in Name]: Value<N> | undefined };

/** Variables without which there is no configuration, because they have no fallback. */
const REQUIRED = ["DAXPAY_URL", "DAXPAY_SIGN_SECRET"] as const;
/** Variables that have a value whenever there is no mistake. */
type AlwaysPresent =
  | typeof REQUIRED[number]
  | { [N in Name]: Variables[N] extends { default: string } ? N : never }[Name];
type CompleteValues = { readonly [N in Name]: N extends AlwaysPresent ? Value<N> : Value<N> | undefined };

/** Names of all variables that are read, those of secret files included. */
export const VARIABLE_NAMES: readonly string[] = Object.entries(VARIABLES)
  .flatMap(([name, variable]) => "secret" in variable ? [name, `${name}_FILE`] : [name]);

/** Where a configuration comes from. */
export interface ConfigSource {
  /** Value of an environment variable. */
  readonly env: (name: string) => string | undefined;
  readonly readFile: (path: string) => string;
  readonly isTerminal: boolean;
}

/** The configuration, or every mistake in it, each as one sentence that holds no secret. */
export type ConfigResult =
  | { readonly kind: "valid"; readonly config: Config }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

export function readConfig(source: ConfigSource): ConfigResult {
  const mistakes: string[] = [];
  const entries = Object.entries(VARIABLES).map(([name, variable]: [string, Variable]) => {
    const found = rawValue(name, variable, source, mistakes);
    if (found === undefined) return [name, undefined];
    const parsed = variable.schema.safeParse(found);
    if (!parsed.success) mistakes.push(`${name}: found ${forDisplay(found, variable)}, wanted ${variable.expected}`);
    return [name, parsed.data];
  });
  const values: Values = Object.fromEntries(entries);
  mistakes.push(...missing(values, mistakes), ...crossFieldErrors(values, mistakes));
  if (mistakes.length > 0 || !isComplete(values)) return { kind: "invalid", problems: mistakes };
  return {
    kind: "valid",
    config: {
      daxpay: {
        url: values.DAXPAY_URL,
        release: values.DAXPAY_RELEASE,
        path: values.DAXPAY_SYNC_PATH,
        signType: values.DAXPAY_SIGN_TYPE,
        secret: values.DAXPAY_SIGN_SECRET,
        previousSecret: values.DAXPAY_SIGN_SECRET_PREVIOUS,
        appId: values.DAXPAY_APP_ID,
        mchNo: values.DAXPAY_MCH_NO,
        clientIp: values.DAXPAY_CLIENT_IP,
        timeoutMs: values.DAXPAY_TIMEOUT_MS,
        timeZone: values.DAXPAY_TIME_ZONE,
        maxSkewMs: values.DAXPAY_MAX_SKEW_MS,
      },
      budget: { rate: values.DAXPAY_RATE, concurrency: values.DAXPAY_CONCURRENCY },
      watch: { waits: values.WATCH_SCHEDULE, jitter: values.WATCH_JITTER },
      host: values.HOST,
      port: values.PORT,
      grpcPort: values.GRPC_PORT,
      tls: tlsFrom(values),
      auth: {
        tokensFile: values.AUTH_TOKENS_FILE,
        jwt: jwtFrom(values),
        openReflection: values.REFLECTION === "open",
      },
      parseOrigins: values.CORS_ORIGINS ?? [],
      maxConnections: values.MAX_CONNECTIONS,
      stopTimeoutMs: values.STOP_TIMEOUT_MS,
      log: { level: values.LOG_LEVEL, format: values.LOG_FORMAT ?? (source.isTerminal ? "text" : "json") },
    },
  };
}

function tlsFrom(values: Values): TlsConfig | undefined {
  const { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile, TLS_CLIENT_CA_FILE: clientCaFile } = values;
  return certFile && keyFile ? { certFile, keyFile, clientCaFile } : undefined;
}

function jwtFrom(values: Values): JwtConfig | undefined {
  const { AUTH_JWKS_URL: jwksUrl, AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience, AUTH_SCOPE: scope } = values;
  return jwksUrl && issuer && audience ? { jwksUrl, issuer, audience, scope } : undefined;
}

/** An empty variable counts as unset, since compose files and manifests pass what they do not know as "". */
function rawValue(name: string, variable: Variable, source: ConfigSource, mistakes: string[]): string | undefined {
  const direct = source.env(name) || undefined;
  if (!variable.secret) return direct ?? variable.default;
  const file = source.env(`${name}_FILE`) || undefined;
  if (file === undefined) return direct;
  if (direct !== undefined) {
    mistakes.push(`${name}: found both ${name} and ${name}_FILE, wanted one of them`);
    return undefined;
  }
  try {
    // An editor ends the last line; only that line end is not meant.
    const content = source.readFile(file).replace(/\r?\n$/, "");
    if (content) return content;
    mistakes.push(`${name}_FILE: found an empty file "${file}", wanted ${variable.expected}`);
  } catch (error) {
    // Who takes NAME_FILE for NAME puts the secret itself there.
    const reason = /^[./]/.test(file)
      ? `"${file}": ${(error as Error).message}`
      : 'a path that begins with neither "/" nor "."; it is not shown, since it may be the secret itself';
    mistakes.push(`${name}_FILE: cannot read ${reason}`);
  }
  return undefined;
}

function forDisplay(found: string, variable: Variable): string {
  return variable.secret ? `${found.length} characters` : JSON.stringify(withoutCredentials(found).slice(0, 200));
}

/** An address without what people put into addresses to be let in: a name with a password, and the query. */
function withoutCredentials(text: string): string {
  return text.replace(/(?<=:\/\/).*@/s, "…@").replace(/(?<=:\/\/[^?]*\?).*/s, "…");
}

function missing(values: Values, mistakes: readonly string[]): string[] {
  return REQUIRED
    .filter((name) => values[name] === undefined && !mistakes.some((mistake) => mistake.startsWith(name)))
    .map((name) => `${name}: found nothing, wanted ${VARIABLES[name].expected}`);
}

function isComplete(values: Values): values is CompleteValues {
  return Object.entries(VARIABLES).every(([name, variable]: [string, Variable]) =>
    values[name as Name] !== undefined || (variable.default === undefined && !REQUIRED.some((one) => one === name))
  );
}

/** Mistakes that only show when variables are seen together. */
function crossFieldErrors(values: Values, mistakes: readonly string[]): string[] {
  const found: string[] = [];
  const { DAXPAY_RELEASE: name, DAXPAY_SIGN_TYPE: signType, HOST: host } = values;
  if (name) {
    const release: Release = RELEASES[name as ReleaseName];
    if (signType && !release.algorithms[signType]) {
      found.push(
        `DAXPAY_SIGN_TYPE: found ${signType}, wanted one of ${
          Object.keys(release.algorithms).join(", ")
        } for release ${name}`,
      );
    }
    const identity = { appId: "DAXPAY_APP_ID", mchNo: "DAXPAY_MCH_NO" } as const;
    for (const member of release.identity) {
      const variable = identity[member];
      if (!values[variable]) found.push(`${variable}: found nothing, wanted a value for release ${name}`);
    }
  }
  const authMethods = (["AUTH_TOKENS_FILE", "AUTH_JWKS_URL", "TLS_CLIENT_CA_FILE"] as const).filter((one) =>
    values[one]
  );
  if (host && !isLoopback(host) && !values.AUTH && authMethods.length === 0) {
    found.push(
      `HOST: found ${JSON.stringify(host)}, wanted a loopback address, or callers' credentials (AUTH_TOKENS_FILE, ` +
        "AUTH_JWKS_URL or TLS_CLIENT_CA_FILE), or AUTH=none to let every caller in",
    );
  }
  if (values.AUTH && authMethods.length > 0) {
    found.push(`AUTH: found none together with ${authMethods.join(", ")}, wanted one or the other`);
  }
  if (!values.TLS_CERT_FILE && values.PORT && values.PORT === values.GRPC_PORT) {
    found.push(`GRPC_PORT: found ${values.GRPC_PORT}, wanted another port than PORT`);
  }
  const missed = REQUIRED_TOGETHER.filter(([one, other]) =>
    values[one] && !values[other] && !mistakes.some((mistake) => mistake.startsWith(`${other}:`))
  );
  return [...found, ...missed.map(missingCompanion)];
}

/** Variables that mean nothing without another one. */
const REQUIRED_TOGETHER: readonly (readonly [Name, Name])[] = [
  ["TLS_CERT_FILE", "TLS_KEY_FILE"],
  ["TLS_KEY_FILE", "TLS_CERT_FILE"],
  ["TLS_CLIENT_CA_FILE", "TLS_CERT_FILE"],
  ["AUTH_JWKS_URL", "AUTH_ISSUER"],
  ["AUTH_JWKS_URL", "AUTH_AUDIENCE"],
  ["AUTH_ISSUER", "AUTH_JWKS_URL"],
  ["AUTH_AUDIENCE", "AUTH_JWKS_URL"],
  ["AUTH_SCOPE", "AUTH_JWKS_URL"],
];

function missingCompanion([one, other]: readonly [Name, Name]): string {
  return `${other}: found nothing, wanted a value because ${one} has one`;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The origins in a comma-separated list, as browsers write them; undefined where one is none. */
function origins(list: string): readonly string[] | undefined {
  const found: string[] = [];
  for (const item of list.split(",").map((part) => part.trim())) {
    // What URL makes of it must be what stood there: no path, no default port, no capital letters.
    if (!/^https?:[^*]+$/.test(item) || !URL.canParse(item) || new URL(item).origin !== item) return undefined;
    found.push(item);
  }
  return found;
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of each of the durations in a comma-separated list; undefined where one is none. */
function parseDurations(list: string): readonly [number, ...number[]] | undefined {
  const waits: number[] = [];
  for (const item of list.split(",")) {
    const [, number, unit] = /^\s*(\d{1,8})(ms|s|m|h)\s*$/.exec(item) ?? [];
    const ms = Number(number) * (UNITS[unit] ?? NaN);
    if (!(ms > 0 && ms <= 24 * UNITS.h)) return undefined;
    waits.push(ms);
  }
  const [first, ...rest] = waits;
  return [first, ...rest];
}
