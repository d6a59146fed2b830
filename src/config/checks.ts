import { createPublicKey } from "node:crypto";
import { type Release, RELEASES, signTypesOf } from "../daxpay/release.ts";
import { isLoopback } from "../util/url.ts";
import { storeErrors } from "./store.ts";
import { type AccountName, IDENTITY_VARIABLES, type ServiceName, type Values, VARIABLES } from "./variables.ts";

type Label = (name: AccountName) => string;

/** Problems of variables with each other; `invalid` names those that have a problem of their own. */
export function crossFieldErrors(values: Values<ServiceName>, invalid: ReadonlySet<string>): string[] {
  return [
    ...accessErrors(values),
    ...storeErrors(values, invalid),
    ...(!values.TLS_CERT_FILE && values.PORT && values.PORT === values.GRPC_PORT
      ? [`GRPC_PORT: expected another port than PORT, got ${values.GRPC_PORT}`]
      : []),
    ...REQUIRED_TOGETHER.filter(([set, companion]) => values[set] && !values[companion] && !invalid.has(companion))
      .map(([set, companion]) => `${companion}: expected a value because ${set} has one, got nothing`),
  ];
}

/** Problems of an account's settings with each other; `label` is how the problems name them. */
export function accountErrors(values: Values<AccountName>, invalid: ReadonlySet<string>, label: Label): string[] {
  return [
    ...releaseErrors(values, invalid, label),
    ...signingErrors(values, invalid, label),
    ...WEBHOOK_REQUIRES.filter(([set, companion]) =>
      values[set] !== undefined && values[companion] === undefined && !invalid.has(companion)
    ).map(([set, companion]) => `${label(companion)}: expected a value because ${label(set)} has one, got nothing`),
  ];
}

function releaseErrors(values: Values<AccountName>, invalid: ReadonlySet<string>, label: Label): string[] {
  const { DAXPAY_RELEASE: name } = values;
  if (!name) return [];
  const release: Release = RELEASES[name];
  const errors: string[] = [];
  for (const variable of release.identity.map((member) => IDENTITY_VARIABLES[member])) {
    if (values[variable] || invalid.has(variable)) continue;
    errors.push(`${label(variable)}: expected a value for release ${name}, got nothing`);
  }
  if (values.DAXPAY_QUERY === "off" && !release.resyncsClosed) {
    errors.push(
      `${
        label("DAXPAY_QUERY")
      }: expected auto, around or only for release ${name}, got off: without the query a closed refund could ` +
        "be synced again, and this release then books its amount a second time",
    );
  }
  const { DAXPAY_TIMEOUT_MS: timeoutMs, DAXPAY_SETTLE_TIMEOUT: settleMs } = values;
  if (timeoutMs !== undefined && settleMs !== undefined && settleMs < timeoutMs) {
    errors.push(
      `${label("DAXPAY_SETTLE_TIMEOUT")}: expected at least ${
        label("DAXPAY_TIMEOUT_MS")
      } (${timeoutMs} ms), got ${settleMs} ms: a sync may still ` +
        "run in DaxPay when its request times out",
    );
  }
  return errors;
}

/** What the release signs and verifies with. */
function signingErrors(values: Values<AccountName>, invalid: ReadonlySet<string>, label: Label): string[] {
  const { DAXPAY_RELEASE: name, DAXPAY_SIGN_TYPE: signType, DAXPAY_PRIVATE_KEY: privateKey } = values;
  if (invalid.has("DAXPAY_RELEASE") && privateKey) return [];
  const release: Release | undefined = name && RELEASES[name];
  const variables = release?.signing === "rsa"
    ? ["DAXPAY_PRIVATE_KEY", "DAXPAY_PLATFORM_KEYS"] as const
    : ["DAXPAY_SIGN_SECRET"] as const;
  const errors = variables.filter((variable) => values[variable] === undefined && !invalid.has(variable))
    .map((variable) =>
      `${label(variable)}: expected ${VARIABLES[variable].expected}${name ? ` for release ${name}` : ""}, got nothing`
    );
  if (!release) return errors;
  if (release.signing !== "rsa") {
    const types = signTypesOf(release);
    if (signType && !types[signType]) {
      errors.push(
        `${label("DAXPAY_SIGN_TYPE")}: expected one of ${
          Object.keys(types).join(", ")
        } for release ${name}, got ${signType}`,
      );
    }
    return errors;
  }
  const own = privateKey && createPublicKey(privateKey);
  if (own && values.DAXPAY_PLATFORM_KEYS?.some((key) => key.equals(own))) {
    errors.push(
      `${label("DAXPAY_PLATFORM_KEYS")}: expected the platform's public keys, got the one of ${
        label("DAXPAY_PRIVATE_KEY")
      }`,
    );
  }
  return errors;
}

function accessErrors({ HOST: host, AUTH: none, ...values }: Values<ServiceName>): string[] {
  const methods = (["AUTH_TOKENS_FILE", "AUTH_JWKS_URL", "TLS_CLIENT_CA_FILE"] as const).filter((name) => values[name]);
  if (none && methods.length > 0) return [`AUTH: expected no value together with ${methods.join(", ")}, got none`];
  if (host === undefined || isLoopback(host) || none || methods.length > 0) return [];
  return [
    "HOST: expected a loopback address, or credentials for callers (AUTH_TOKENS_FILE, AUTH_JWKS_URL or " +
    `TLS_CLIENT_CA_FILE), or AUTH=none to allow every caller, got ${JSON.stringify(host)}`,
  ];
}

/** Variables that require another one. */
const REQUIRED_TOGETHER: readonly (readonly [ServiceName, ServiceName])[] = [
  ["TLS_CERT_FILE", "TLS_KEY_FILE"],
  ["TLS_KEY_FILE", "TLS_CERT_FILE"],
  ["TLS_CLIENT_CA_FILE", "TLS_CERT_FILE"],
  ["AUTH_JWKS_URL", "AUTH_ISSUER"],
  ["AUTH_JWKS_URL", "AUTH_AUDIENCE"],
  ["AUTH_ISSUER", "AUTH_JWKS_URL"],
  ["AUTH_AUDIENCE", "AUTH_JWKS_URL"],
  ["AUTH_SCOPE", "AUTH_JWKS_URL"],
];

/** Variables of an account that require another one. */
const WEBHOOK_REQUIRES: readonly (readonly [AccountName, AccountName])[] = [
  ["WEBHOOK_URL", "WEBHOOK_SECRET"],
  ["WEBHOOK_SECRET", "WEBHOOK_URL"],
  ["WEBHOOK_SECRET_PREVIOUS", "WEBHOOK_SECRET"],
];
