import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { readConfig, VARIABLE_NAMES, VARIABLES } from "../../src/config/config.ts";

const ROOT = path.resolve(import.meta.dirname ?? "", "..");

function read(variables: Readonly<Record<string, string>>, files: Readonly<Record<string, string>> = {}) {
  return readConfig({
    env: (name) => variables[name],
    readFile(file) {
      if (file in files) return files[file];
      throw new Error("No such file");
    },
    isTerminal: false,
  });
}

const ENOUGH = { DAXPAY_URL: "http://127.0.0.1:9", DAXPAY_SIGN_SECRET: "a secret" };

function mistakes(variables: Readonly<Record<string, string>>, files?: Readonly<Record<string, string>>) {
  const result = read({ ...ENOUGH, ...variables }, files);
  return result.kind === "invalid" ? result.problems : [];
}

test(".env.example names every variable, with its meaning and its default", () => {
  expect(readFileSync(path.join(ROOT, ".env.example"), "utf8")).toBe(exampleText());
});

test("the start permission set names every variable and no other", () => {
  const { permissions } = JSON.parse(readFileSync(path.join(ROOT, "deno.json"), "utf8"));
  // The launcher adds to what telemetry says of where it comes from.
  const telemetry = ["OTEL_DENO", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"];
  expect(permissions.start.env).toEqual([...VARIABLE_NAMES, ...telemetry]);
  expect(permissions.doctor.env).toEqual(VARIABLE_NAMES);
});

test("with the least that must be said, everything else has its default", () => {
  const result = read(ENOUGH);
  expect(result.kind).toBe("valid");
  if (result.kind !== "valid") return;
  expect(result.config).toMatchObject({
    host: "127.0.0.1",
    port: 8080,
    grpcPort: 9090,
    tls: undefined,
    auth: { tokensFile: undefined, jwt: undefined, openReflection: false },
    origins: [],
    stopTimeoutMs: 10_000,
  });
});

test("all mistakes are told at once, without any secret", () => {
  const found = mistakes({
    DAXPAY_URL: "ftp://x",
    PORT: "70000",
    DAXPAY_RATE: "0",
    DAXPAY_SIGN_TYPE: "SHA1",
    DAXPAY_SIGN_SECRET_FILE: "/nowhere",
    CORS_ORIGINS: "*",
    WATCH_SCHEDULE: "10",
  });
  expect(found.map((mistake) => mistake.split(":")[0]).sort()).toEqual([
    "CORS_ORIGINS",
    "DAXPAY_RATE",
    "DAXPAY_SIGN_SECRET",
    "DAXPAY_SIGN_TYPE",
    "DAXPAY_URL",
    "PORT",
    "WATCH_SCHEDULE",
  ]);
  expect(found.join()).not.toContain(ENOUGH.DAXPAY_SIGN_SECRET);
});

test.each([
  ["DAXPAY_URL", { DAXPAY_URL: "https://user:pa55:w/rd@x@pay.example.com/base" }, "pa55"],
  ["DAXPAY_URL", { DAXPAY_URL: "https://pa55@pay.example.com" }, "pa55"],
  ["DAXPAY_URL", { DAXPAY_URL: "https://pay.example.com/base?token=pa55" }, "pa55"],
  ["AUTH_JWKS_URL", { AUTH_JWKS_URL: "https://user:pa55@i.example", AUTH_ISSUER: "i", AUTH_AUDIENCE: "a" }, "pa55"],
  ["DAXPAY_SIGN_SECRET_FILE", { DAXPAY_SIGN_SECRET: "", DAXPAY_SIGN_SECRET_FILE: "pa55" }, "pa55"],
])("a credential in the wrong place, %s, is not shown", (name, variables, credential) => {
  const found = mistakes(variables as Record<string, string>);
  expect(found.map((mistake) => mistake.split(":")[0])).toEqual([name]);
  expect(found.join()).not.toContain(credential);
});

test.each([
  ["0.0.0.0", {}, 1],
  ["::", {}, 1],
  ["10.1.2.3", {}, 1],
  ["refunds.internal", {}, 1],
  ["127.0.0.2", {}, 0],
  ["::1", {}, 0],
  ["localhost", {}, 0],
  ["0.0.0.0", { AUTH: "none" }, 0],
  ["0.0.0.0", { AUTH_TOKENS_FILE: "/tokens" }, 0],
  ["0.0.0.0", { AUTH_JWKS_URL: "https://i.example/jwks", AUTH_ISSUER: "i", AUTH_AUDIENCE: "a" }, 0],
  ["0.0.0.0", { TLS_CERT_FILE: "/c", TLS_KEY_FILE: "/k", TLS_CLIENT_CA_FILE: "/ca" }, 0],
  ["0.0.0.0", { TLS_CERT_FILE: "/c", TLS_KEY_FILE: "/k" }, 1],
])("HOST %s with %o has %i mistakes", (HOST, variables, count) => {
  expect(mistakes({ HOST, ...variables as Record<string, string> })).toHaveLength(count);
});

test.each([
  [{ TLS_CERT_FILE: "/c" }, "TLS_KEY_FILE"],
  [{ TLS_KEY_FILE: "/k" }, "TLS_CERT_FILE"],
  [{ TLS_CLIENT_CA_FILE: "/ca" }, "TLS_CERT_FILE"],
  [{ AUTH_JWKS_URL: "https://i.example", AUTH_ISSUER: "i" }, "AUTH_AUDIENCE"],
  [{ AUTH_SCOPE: "s" }, "AUTH_JWKS_URL"],
  [{ AUTH_JWKS_URL: "http://i.example", AUTH_ISSUER: "i", AUTH_AUDIENCE: "a" }, "AUTH_JWKS_URL"],
  [{ AUTH: "none", AUTH_TOKENS_FILE: "/t" }, "AUTH"],
  [{ AUTH: "off" }, "AUTH"],
  [{ GRPC_PORT: "8080" }, "GRPC_PORT"],
])("%o is a mistake of %s", (variables, name) => {
  const [mistake, ...others] = mistakes(variables as Record<string, string>).filter((one) =>
    one.startsWith(`${name}:`)
  );
  expect([mistake?.split(":")[0], others]).toEqual([name, []]);
});

test.each([
  ["https://shop.example", 0],
  ["https://shop.example, http://localhost:5173", 0],
  ["https://shop.example/", 1],
  ["https://Shop.example", 1],
  ["https://shop.example:443", 1],
  ["https://*.example", 1],
  ["null", 1],
  ["shop.example", 1],
])("CORS_ORIGINS %s has %i mistakes", (CORS_ORIGINS, count) => {
  expect(mistakes({ CORS_ORIGINS })).toHaveLength(count);
});

test("a secret may come from a file, without its last line end, but not from both", () => {
  const files = { "/secret": "from a file\n", "/empty": "\n" };
  const fromFile = read({ DAXPAY_URL: ENOUGH.DAXPAY_URL, DAXPAY_SIGN_SECRET_FILE: "/secret" }, files);
  expect(fromFile.kind === "valid" && fromFile.config.daxpay.secret).toBe("from a file");
  expect(mistakes({ DAXPAY_SIGN_SECRET_FILE: "/secret" }, files)).toHaveLength(1);
  expect(mistakes({ DAXPAY_SIGN_SECRET: "", DAXPAY_SIGN_SECRET_FILE: "/empty" }, files)).toHaveLength(1);
});

/** What .env.example must say. */
function exampleText(): string {
  const entries = Object.entries(VARIABLES).map(([name, variable]) => {
    const { description, default: fallback, defaultLabel, secret } = {
      default: undefined,
      defaultLabel: undefined,
      secret: undefined,
      ...variable,
    };
    const lines = [`# ${description[0].toUpperCase()}${description.slice(1)}.`];
    if (secret) lines.push(`# May come from the file that ${name}_FILE names instead.`);
    if (fallback === undefined && defaultLabel !== undefined) {
      lines.push(`# ${defaultLabel === "required" ? "Required." : `Unset: ${defaultLabel}.`}`);
    }
    return [...lines, `${defaultLabel === "required" ? "" : "#"}${name}=${fallback ?? ""}`].join("\n");
  });
  return [
    "# Everything that the service can be told: `set -a; . ./.env; set +a; deno task start`. A line that begins with # and",
    "# a name shows the default, or nothing where there is none.",
    "",
    entries.join("\n\n"),
    "",
  ].join("\n");
}
