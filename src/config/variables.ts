import { z } from "zod";
import { readPrivateKey, readPublicKeys } from "../daxpay/keys.ts";
import { RELEASE_NAMES, SIGN_TYPES } from "../daxpay/release.ts";
import { isTimeZone } from "../daxpay/time.ts";
import { QUERY_MODES } from "../refund/query-mode.ts";
import { DATABASE_URL_FORM } from "../util/database-url.ts";
import { isLoopback, withoutBrackets } from "../util/url.ts";
import {
  databaseUrl,
  duration,
  durations,
  host,
  identifier,
  journalKey,
  key,
  longDuration,
  milliseconds,
  millisecondsOrDuration,
  networks,
  origins,
  path,
  port,
  positiveInt,
  text,
  webhookSecret,
} from "./schemas.ts";

/** What the check of DaxPay at startup can be for. */
export const CHECK_MODES = ["warn", "require", "off"] as const;
export type CheckMode = typeof CHECK_MODES[number];

/** What is done on 3.x while the database is unavailable. */
export const AWAY_MODES = ["query", "continue"] as const;
export type Away = typeof AWAY_MODES[number];

/** One environment variable. */
export interface Variable {
  readonly schema: z.ZodType<unknown, string>;
  /** Completes "expected …, got …". */
  readonly expected: string;
  /** For the documentation. */
  readonly description: string;
  /** Value if the variable is unset or empty. */
  readonly default?: string;
  /** For the documentation, if there is no default. */
  readonly defaultLabel?: string;
  /** Never displayed, and also accepted from the file that NAME_FILE names. */
  readonly secret?: true;
  /** May hold line breaks and whatever else copying leaves in a key. */
  readonly multiline?: true;
  /** Key of an account in DAXPAY_ACCOUNTS_FILE, where the variable describes an account. */
  readonly account?: string;
}

/** Every variable, in the order of the documentation, which `deno task docs` writes from here. */
export const VARIABLES = {
  DAXPAY_ACCOUNTS_FILE: {
    schema: path,
    expected: "the path of a file",
    description:
      "YAML file with several accounts, next to the one named `default` that the variables describe, if any; reloaded, " +
      "with the files it names, when it changes",
  },
  DAXPAY_URL: {
    account: "url",
    schema: z.url({ protocol: /^https?$/ }).transform((value) => new URL(value))
      .refine((url) => !url.username && !url.password && !url.search && !url.hash),
    expected: "an http or https URL without credentials, query and fragment",
    description: "base URL of DaxPay, optionally with a path prefix",
    defaultLabel: "required",
  },
  DAXPAY_RELEASE: {
    account: "release",
    schema: z.enum(RELEASE_NAMES),
    expected: `one of ${RELEASE_NAMES.join(", ")} (deno task doctor finds out which)`,
    description: `release of that DaxPay: ${RELEASE_NAMES.join(", ")}; \`deno task doctor\` finds out which`,
    defaultLabel: "required",
  },
  DAXPAY_SYNC_PATH: {
    account: "sync_path",
    schema: z.string().regex(/^\/[^?#\s]*$/),
    expected: 'a path that begins with "/"',
    description: "path of the refund sync, if a proxy changes it",
    defaultLabel: "the release's",
  },
  DAXPAY_SIGN_TYPE: {
    account: "sign_type",
    schema: z.enum(SIGN_TYPES),
    expected: `one of ${SIGN_TYPES.join(", ")}`,
    description: "as configured in DaxPay: HMAC_SHA256, MD5 or, on 3.x, SM3; unused on 4.0.0-beta",
    default: "HMAC_SHA256",
  },
  DAXPAY_SIGN_SECRET: {
    account: "secret_file",
    schema: z.string(),
    expected: "the signing secret",
    description: "signing secret (签名密钥); unused on 4.0.0-beta, which signs with keys",
    defaultLabel: "required",
    secret: true,
  },
  DAXPAY_SIGN_SECRET_PREVIOUS: {
    account: "previous_secret_file",
    schema: z.string(),
    expected: "the previous signing secret",
    description: "previous signing secret, still accepted in replies while it is being rotated",
    secret: true,
  },
  DAXPAY_PRIVATE_KEY: {
    account: "private_key_file",
    schema: key(readPrivateKey),
    expected: "the merchant's RSA private key (PEM or Base64, PKCS#8 or PKCS#1, at least 2048 bits)",
    description: "4.0.0-beta only, required there: the merchant's RSA private key (商户私钥), PEM or Base64",
    secret: true,
    multiline: true,
  },
  DAXPAY_PLATFORM_KEYS: {
    account: "platform_keys_file",
    schema: key(readPublicKeys),
    expected: "the platform's RSA public keys (PEM or Base64, public keys or certificates, at least 2048 bits)",
    description:
      "4.0.0-beta only, required there: the platform's RSA public key (平台公钥), PEM or Base64; while it is being changed, " +
      "both keys, one after the other",
    secret: true,
    multiline: true,
  },
  DAXPAY_APP_ID: {
    account: "app_id",
    schema: identifier,
    expected: "at most 32 ASCII characters without white space and quotes",
    description: "application number (应用号); required on 3.x, optional on 4.0.0-beta, unused on 2.x",
  },
  DAXPAY_MCH_NO: {
    account: "mch_no",
    schema: identifier,
    expected: "at most 32 ASCII characters without white space and quotes",
    description: "merchant number (商户号); required on 3.0.0 and 4.0.0-beta, otherwise unused",
  },
  DAXPAY_CLIENT_IP: {
    account: "client_ip",
    schema: z.union([z.ipv4(), z.ipv6()]),
    expected: "an IPv4 or IPv6 address",
    description: "sent as clientIp when the caller gives none",
  },
  DAXPAY_TIMEOUT_MS: {
    account: "timeout",
    schema: millisecondsOrDuration,
    expected: 'milliseconds, a whole number above 0, or a duration like "30s" (ms, s, m, h)',
    description: "timeout of one DaxPay request, in milliseconds or with a unit (ms, s, m, h)",
    default: "30000",
  },
  DAXPAY_TIME_ZONE: {
    account: "time_zone",
    schema: z.string().refine(isTimeZone),
    expected: "an IANA time zone like Asia/Shanghai (also in place of CST, CTT or China Standard Time)",
    description: "time zone of DaxPay's server, for 3.x's times",
    default: "Asia/Shanghai",
  },
  DAXPAY_MAX_SKEW_MS: {
    account: "max_skew",
    schema: millisecondsOrDuration,
    expected: 'milliseconds, a whole number above 0, or a duration like "30s" (ms, s, m, h)',
    description:
      "maximum difference between a reply's time and this clock, in milliseconds or with a unit (ms, s, m, h)",
    default: "300000",
  },
  DAXPAY_RATE: {
    account: "rate",
    schema: positiveInt(100_000),
    expected: "a whole number from 1 to 100000",
    description: "maximum DaxPay requests per second, over all callers",
    default: "50",
  },
  DAXPAY_CONCURRENCY: {
    account: "concurrency",
    schema: positiveInt(10_000),
    expected: "a whole number from 1 to 10000",
    description: "maximum concurrent DaxPay requests",
    default: "64",
  },
  DAXPAY_QUERY: {
    account: "query",
    schema: z.enum(QUERY_MODES),
    expected: `one of ${QUERY_MODES.join(", ")}`,
    description:
      "use of DaxPay's read-only query: `auto` before each sync on 2.0.7, 2.0.8 and 3.x; `around` also after it; " +
      "`only` never syncs; `off` never queries (not on 3.x)",
    default: "auto",
  },
  DAXPAY_CHECK: {
    schema: z.enum(CHECK_MODES),
    expected: `one of ${CHECK_MODES.join(", ")}`,
    description:
      "the doctor's checks at startup: `warn` logs what they find, with advice, while the service runs; `require` exits " +
      "with code 1 before listening if one fails; `off` sends nothing",
    default: "warn",
  },
  DAXPAY_SETTLE_TIMEOUT: {
    account: "settle_timeout",
    schema: duration,
    expected: 'a duration above 0 like "60s" (ms, s, m, h), at most 24h',
    description: "how long a sync without a reply stays in doubt, during which only queries are sent (ms, s, m, h)",
    default: "60s",
  },
  DAXPAY_SETTLE_ON_START: {
    account: "settle_on_start",
    schema: z.enum(["on", "off"]).transform((value) => value === "on"),
    expected: "on or off",
    description:
      "3.x: whether no sync is sent within DAXPAY_SETTLE_TIMEOUT after a start, or with a database after its setup, since an " +
      "earlier process may have left one without a reply; `off` only where that cannot be",
    default: "on",
  },
  WATCH_SCHEDULE: {
    schema: durations,
    expected: 'durations above 0 like "500ms,10s,5m,1h", none longer than 24h',
    description: "delays between the syncs of a watch (ms, s, m, h); the last one repeats",
    default: "10s,30s,1m,1m,1m,5m,10m,20m,30m",
  },
  WATCH_JITTER: {
    schema: z.string().regex(/^(0(\.\d+)?|1(\.0+)?)$/).transform(Number),
    expected: "a number from 0 to 1",
    description: "jitter as a fraction of each delay",
    default: "0.2",
  },
  DATABASE_URL: {
    schema: databaseUrl,
    expected: `a PostgreSQL URL like ${DATABASE_URL_FORM}`,
    description:
      `PostgreSQL database in which refunds are tracked, like \`${
        DATABASE_URL_FORM.replace(", or ", "` or `")
      }\`; without it ` +
      "the service stores nothing",
    secret: true,
  },
  DATABASE_TLS: {
    schema: z.enum(["require", "off"]),
    expected: "require or off",
    description:
      "whether the connection to the database must be encrypted, with a certificate that is valid for its host; `off` only " +
      "in a network where nobody else can read",
    defaultLabel: "require, on loopback and Unix sockets off",
  },
  DATABASE_CA_FILE: {
    schema: path,
    expected: "the path of a file",
    description: "PEM file with the CAs that may have signed the database's certificate, instead of the system's",
  },
  DATABASE_MAX_CONNECTIONS: {
    schema: positiveInt(1_000),
    expected: "a whole number from 1 to 1000",
    description: "maximum connections of this process to the database, and one more for notifications",
    default: "10",
  },
  DATABASE_CONNECT_TIMEOUT_MS: {
    schema: milliseconds,
    expected: "milliseconds, a whole number above 0",
    description: "how long connecting to the database may take, in milliseconds",
    default: "3000",
  },
  DATABASE_TIMEOUT_MS: {
    schema: milliseconds,
    expected: "milliseconds, a whole number above 0",
    description: "how long one statement of the database may take, in milliseconds",
    default: "5000",
  },
  STORE_JOURNAL_KEY: {
    schema: journalKey,
    expected: "at least 32 random characters, for example of `openssl rand -base64 32`",
    description:
      "key with which the journal's rows are chained, so that a change of them is noticed; at least 32 random characters, " +
      "the same in all replicas, kept outside the database; required with DATABASE_URL",
    secret: true,
  },
  STORE_AWAY: {
    schema: z.enum(AWAY_MODES),
    expected: AWAY_MODES.join(" or "),
    description:
      "3.x while the database is unavailable: `query` only queries; `continue` syncs by what this process alone knows, so " +
      "that two replicas could sync a refund at once (not on 3.0.0-beta4)",
    default: "query",
  },
  STORE_RETENTION: {
    schema: longDuration("1d", "3650d"),
    expected: 'a duration from 1d to 3650d like "400d" (h, d)',
    description: "age at which final refunds and the journal's rows are deleted (h, d)",
    defaultLabel: "never",
  },
  TRACK_TIMEOUT: {
    schema: longDuration("1m", "365d"),
    expected: 'a duration from 1m to 365d like "14d" (m, h, d)',
    description: "how long a refund is tracked that does not become final, unless the caller says otherwise (m, h, d)",
    default: "14d",
  },
  HOST: {
    schema: host,
    expected: "an IP address or localhost",
    description: "IP address to listen on",
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
    description: "PEM file with the server's certificate and its chain; reloaded when it changes",
  },
  TLS_KEY_FILE: {
    schema: path,
    expected: "the path of a file",
    description: "PEM file with the certificate's private key; reloaded when it changes",
  },
  TLS_CLIENT_CA_FILE: {
    schema: path,
    expected: "the path of a file",
    description: "PEM file with the CAs of accepted client certificates, whose CN names the caller",
  },
  AUTH_TOKENS_FILE: {
    schema: path,
    expected: "the path of a file",
    description:
      "file with one `name token` per line (`#` for comments), or `name token metrics` for a token that may only read " +
      "/metrics; reloaded when it changes, and streams of a removed token end within a minute",
  },
  AUTH_JWKS_URL: {
    schema: z.url({ protocol: /^https?$/ }).transform((value) => new URL(value))
      .refine((url) => !url.username && !url.password && !url.hash)
      .refine((url) => url.protocol === "https:" || isLoopback(withoutBrackets(url.hostname))),
    expected: "an https URL (http only on loopback) without credentials and fragment",
    description: "URL of the JWT issuer's keys (JWKS)",
  },
  AUTH_ISSUER: {
    schema: text(1000),
    expected: "at most 1000 characters",
    description: "required `iss` of a JWT; required with AUTH_JWKS_URL",
  },
  AUTH_AUDIENCE: {
    schema: text(1000),
    expected: "at most 1000 characters",
    description: "required `aud` of a JWT; required with AUTH_JWKS_URL",
  },
  AUTH_SCOPE: {
    schema: z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/),
    expected: "a single scope without spaces",
    description: "required scope of a JWT",
  },
  AUTH: {
    schema: z.literal("none"),
    expected: '"none", which lets callers in without credentials',
    description: "`none` allows every caller; required off loopback without tokens, JWTs or client certificates",
  },
  REFLECTION: {
    schema: z.enum(["open", "closed"]),
    expected: "open or closed",
    description: "`open` serves reflection without credentials; otherwise it requires the same as other calls",
    default: "closed",
  },
  CORS_ORIGINS: {
    schema: origins,
    expected: 'origins like "https://shop.example", separated by commas',
    description:
      "comma-separated origins of web pages that may call; without credentials and TLS also needed for the console, if " +
      "its host name is not localhost",
  },
  MAX_CONNECTIONS: {
    schema: positiveInt(1_000_000),
    expected: "a whole number from 1 to 1000000",
    description: "maximum open connections; further ones are closed immediately",
    default: "4096",
  },
  MAX_CONNECTION_AGE: {
    schema: duration,
    expected: 'a duration above 0 like "30m" (ms, s, m, h), at most 24h',
    description:
      "age, give or take a tenth, at which a connection takes no further calls, so that clients spread over new replicas; " +
      "calls in flight finish (ms, s, m, h)",
    defaultLabel: "unlimited",
  },
  STOP_TIMEOUT_MS: {
    schema: milliseconds,
    expected: "milliseconds, a whole number above 0",
    description: "how long calls in flight may take after SIGTERM, in milliseconds",
    default: "10000",
  },
  LOG_LEVEL: {
    schema: z.enum(["trace", "debug", "info", "warning", "error", "fatal"]),
    expected: "one of trace, debug, info, warning, error, fatal",
    description: "minimum log level",
    default: "info",
  },
  LOG_FORMAT: {
    schema: z.enum(["json", "text"]),
    expected: "json or text",
    description: "format of the log lines; defaults to `text` on a terminal",
    defaultLabel: "json",
  },
  WEBHOOK_URL: {
    account: "webhook_url",
    schema: z.url({ protocol: /^https?$/ }).transform((value) => new URL(value))
      .refine((url) => !url.username && !url.password && !url.hash),
    expected: "an https URL without credentials and fragment",
    description: "URL to which the events of tracked refunds are delivered",
  },
  WEBHOOK_SECRET: {
    account: "webhook_secret_file",
    schema: webhookSecret,
    expected: '"whsec_" and 24 to 64 bytes in Base64',
    description: "secret that signs them: `whsec_` and 24 to 64 bytes in Base64; required with WEBHOOK_URL",
    secret: true,
  },
  WEBHOOK_SECRET_PREVIOUS: {
    account: "webhook_previous_secret_file",
    schema: webhookSecret,
    expected: '"whsec_" and 24 to 64 bytes in Base64',
    description: "previous secret, which also signs them while it is being rotated",
    secret: true,
  },
  WEBHOOK_ALLOW_PRIVATE: {
    schema: networks,
    expected: 'host names, addresses or CIDR blocks like "hooks.internal,10.1.0.0/16", separated by commas',
    description:
      "comma-separated host names, addresses and CIDR blocks of receivers that need no public address; those that are named " +
      "also need no https",
  },
  WEBHOOK_TIMEOUT_MS: {
    schema: milliseconds.refine((ms) => ms <= 30_000),
    expected: "milliseconds, a whole number from 1 to 30000",
    description: "timeout of one delivery, in milliseconds",
    default: "10000",
  },
} as const satisfies Record<string, Variable>;

type Variables = typeof VARIABLES;
export type Name = keyof Variables;
type Value<N extends Name> = NonNullable<z.output<Variables[N]["schema"]>>;
/** Parsed values; undefined if unset or invalid. */
export type Values<Names extends Name> = { readonly [N in Names]: Value<N> | undefined };

/** Variables that describe an account. */
export type AccountName = { [N in Name]: Variables[N] extends { account: string } ? N : never }[Name];
/** Variables of the service as a whole. */
export type ServiceName = Exclude<Name, AccountName>;

const isAccountName = (name: Name): name is AccountName => "account" in VARIABLES[name];
const NAMES = Object.keys(VARIABLES) as Name[];
export const ACCOUNT_NAMES: readonly AccountName[] = NAMES.filter(isAccountName);
export const SERVICE_NAMES: readonly ServiceName[] = NAMES.filter((name): name is ServiceName => !isAccountName(name));

/** Variables that an account must set, since they have no default. */
export const REQUIRED: readonly Name[] = ["DAXPAY_URL", "DAXPAY_RELEASE"];
/** Variables that have a value in every valid configuration. */
type AlwaysPresent =
  | "DAXPAY_URL"
  | "DAXPAY_RELEASE"
  | { [N in Name]: Variables[N] extends { default: string } ? N : never }[Name];
/** Valid values of these variables. */
export type CompleteValues<Names extends Name> = {
  readonly [N in Names]: N extends AlwaysPresent ? Value<N> : Value<N> | undefined;
};

/** Names of all variables that are read, those of secret files included. */
export const VARIABLE_NAMES: readonly string[] = Object.entries(VARIABLES)
  .flatMap(([name, variable]) => "secret" in variable ? [name, `${name}_FILE`] : [name]);

/** The variables of the members that name this application to DaxPay. */
export const IDENTITY_VARIABLES = { appId: "DAXPAY_APP_ID", mchNo: "DAXPAY_MCH_NO" } as const;
