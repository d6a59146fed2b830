import { Buffer } from "node:buffer";
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { KeyError, readPrivateKey, readPublicKeys } from "../../src/daxpay/keys.ts";
import { MERCHANT, PLATFORM_PUBLIC, publicKeyOf, V4 } from "./v4.ts";

const { merchant, platform } = V4.keys;
/** Self-signed, made for this test. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIC+TCCAeGgAwIBAgIUfx7nChpvVYAl48qY8w9dV7ux5qswDQYJKoZIhvcNAQEL
BQAwDDEKMAgGA1UEAwwBeDAeFw0yNjExMjUxNDIzMDNaFw0zNjExMjIxNDIzMDNa
MAwxCjAIBgNVBAMMAXgwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQC5
Igbi94eg7tEjMjCMNQvWV8PFmdauxLnhBwFQgJEHI6tge6BFK1aJtfuKPbN7evrc
Vc54lbqI/mQ5sxhenwSmtKVuE6SmpdeoNGtetDaSvKYU1dA6aFbgRVXQSRhiY9Gy
QHl6PV3FExR5V0j/ll+5josgvWPuJDkH/5px9Jc4jRFqXX3OZ88/MQ3g5BfbVuUi
3gpQySqiQGG7BhzswWSm76Q0XOzEP0/fdn1ZqxcVkRihwtUuwwmq84ETJBMOrUrt
x6V0ryynGX4b+A15Z4umo5s0qZbBslXHvRguvdzUOSHjjLoLGGRBuazKB9SYD6l9
DwmLpJwpXzBivq5tQUdPAgMBAAGjUzBRMB0GA1UdDgQWBBSMu7SQ5eDrRbOen9Gq
HfLOs5PnNjAfBgNVHSMEGDAWgBSMu7SQ5eDrRbOen9GqHfLOs5PnNjAPBgNVHRMB
Af8EBTADAQH/MA0GCSqGSIb3DQEBCwUAA4IBAQBPBPsxNG9dZl6IL62pj9glWb8c
7WCZOdjHG+iesXpsPB6UE6cQrR0BcN7v0iilOf8vvhUoyc3yo3KdovaB37iAe163
xya1teIlHKB7LWvvANWsSsoaVZEKpVEQ7Q2lL1ONSCLmJnJm2ooaQcjyVMTe9u/e
Il7wHbYXJPvMuBIaI8FYY67Nc+KJqyQXIe8li8WcXECiMRud6PEN8mx50fCakFp2
QlJWO1KJFdMPby1Wu6iGZogy8LoAyY7lBVmzM/mB1+D6BMdHZVxk4SxrguyGw45c
rii8zgBpWm7RMP6MigVyYtJPr9XHeTC0wKdL1vg435H3fqnkY5Bzm9BAcAfB
-----END CERTIFICATE-----
`;
const oneLine = (base64: string) => base64.replace(/\s/g, "");
const pem = (label: string, base64: string) => `-----BEGIN ${label}-----\n${base64.trim()}\n-----END ${label}-----\n`;
const PKCS8 = pem("PRIVATE KEY", merchant.privatePkcs8);
const PKCS1 = pem("RSA PRIVATE KEY", merchant.privatePkcs1);
const SPKI = pem("PUBLIC KEY", platform.publicSpki);

/** What happens to a PEM text on its way into a variable. */
const DAMAGE: readonly (readonly [name: string, damage: (text: string) => string])[] = [
  ["as it is", (text) => text],
  ["with CRLF", (text) => text.replaceAll("\n", "\r\n")],
  ["with literal \\n", (text) => text.replaceAll("\n", "\\n")],
  ["with literal \\r\\n", (text) => text.replaceAll("\n", "\\r\\n")],
  ["on one line", (text) => text.replaceAll("\n", " ")],
  ["without any line break", (text) => text.replaceAll("\n", "")],
  ["in quotes", (text) => `"${text}"`],
  ["as a JSON string", (text) => JSON.stringify(text)],
  ["with a byte order mark", (text) => `\ufeff${text}`],
  ["with no-break spaces", (text) => text.replaceAll("\n", "\u00a0\n")],
  ["with zero width spaces", (text) => text.replaceAll("\n", "\u200b\n")],
  ["with indented lines", (text) => text.replaceAll("\n", "\n    ")],
  ["with empty lines", (text) => text.replaceAll("\n", "\n\n")],
  ["with long dashes", (text) => text.replaceAll("-----", "——-")],
  ["with too few dashes", (text) => text.replaceAll("-----", "--")],
  ["with too many dashes", (text) => text.replaceAll("-----", "-------")],
  ["with doubled header lines", (text) => text.replace(/^(-.*)$/gm, "$1\n$1")],
  ["without its header line", (text) => text.replace(/^.*BEGIN.*\n/, "")],
  ["without its last line", (text) => text.replace(/\n.*END.*\n$/, "\n")],
  ["without both", (text) => text.replace(/^-.*\n/gm, "")],
  ["with the words of the header run together", (text) => text.replace(/(?<=-.*) (?=.*-)/g, "")],
  ["with the label of another kind of key", (text) => text.replaceAll(/(BEGIN|END) .*KEY/g, "$1 RSA PRIVATE KEY")],
  ["without padding", (text) => text.replaceAll("=", "")],
  ["in URL-safe Base64", (text) => text.replaceAll("+", "-").replaceAll("/", "_")],
  ["as the Base64 of the file", (text) => Buffer.from(text).toString("base64")],
  ["after a comment", (text) => `# from the console\n${text}`],
];

describe("readPrivateKey() reads PKCS#8 and PKCS#1", () => {
  test.each(DAMAGE)("%s", (_name, damage) => {
    expect(readPrivateKey(damage(PKCS8)).equals(MERCHANT)).toBe(true);
    expect(readPrivateKey(damage(PKCS1)).equals(MERCHANT)).toBe(true);
  });
});

const PLATFORM_PKCS1 = PLATFORM_PUBLIC.export({ format: "der", type: "pkcs1" }).toString("base64");
const OTHER_PUBLIC = publicKeyOf(merchant.publicSpki);

describe("readPublicKeys() reads SPKI and PKCS#1", () => {
  test.each(DAMAGE)("%s", (_name, damage) => {
    for (const text of [SPKI, pem("RSA PUBLIC KEY", PLATFORM_PKCS1)]) {
      const keys = readPublicKeys(damage(text));
      expect(keys.map((key) => key.equals(PLATFORM_PUBLIC))).toEqual([true]);
    }
  });

  test("the key of a certificate", () => {
    const [key] = readPublicKeys(CERTIFICATE);
    expect(key).toMatchObject({ type: "public", asymmetricKeyType: "rsa" });
  });

  const two = oneLine(merchant.publicSpki);
  const lists = [
    ["PEM texts one after the other", SPKI + pem("PUBLIC KEY", merchant.publicSpki)],
    ["Base64 on two lines", `${oneLine(platform.publicSpki)}\n${two}`],
    ["Base64 with a comma between", `${oneLine(platform.publicSpki)},${two}`],
    ["Base64 in several lines each", `${platform.publicSpki}${merchant.publicSpki}`],
    ["PEM and Base64", `${SPKI}${two}`],
    ["all on one line", `${SPKI}${pem("PUBLIC KEY", merchant.publicSpki)}`.replaceAll("\n", " ")],
  ] as const;
  test.each(lists)("several keys: %s", (_name, text) => {
    const keys = readPublicKeys(text);
    expect(keys.map((key) => key.equals(PLATFORM_PUBLIC))).toEqual([true, false]);
    expect(keys[1].equals(OTHER_PUBLIC)).toBe(true);
  });
});

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ecPrivate = ec.privateKey.export({ format: "pem", type: "pkcs8" }).toString();
const short = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey.export({ format: "pem", type: "pkcs8" })
  .toString();

describe("readPrivateKey() rejects", () => {
  const cases = [
    ["a public key", SPKI, "a public key"],
    ["a certificate", CERTIFICATE, "a public key"],
    ["two keys", PKCS8 + PKCS1, "2 keys"],
    ["another algorithm", ecPrivate, "a key of type ec"],
    ["a short key", short, "a key of 1024 bits, which is too short"],
    ["an encrypted key", pem("ENCRYPTED PRIVATE KEY", merchant.privatePkcs8), "an encrypted private key"],
    ["an OpenSSH key", pem("OPENSSH PRIVATE KEY", "b3BlbnNzaC1rZXktdjEA"), "an OpenSSH private key"],
    ["a key that is cut off", PKCS8.slice(0, 900), "a key that is cut off"],
    [
      "a key with more behind it",
      oneLine(merchant.privatePkcs8).replace(/=*$/, "AAAA"),
      "a key with more behind its end",
    ],
    ["a secret", "Kx7-plover-Quince", "no RSA key"],
    ["a path", "/run/secrets/key.pem", "characters that are not Base64"],
    ["another text", "退款密钥", "characters that are not Base64"],
    ["header lines alone", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----", "no key in it"],
    ["white space", " \n", "no key in it"],
    ["a long text", "-".repeat(70_000), "a text of 70000 characters"],
  ] as const;
  test.each(cases)("%s", (_name, text, got) => {
    expect(() => readPrivateKey(text)).toThrow(new KeyError(got));
  });
});

test("readPublicKeys() rejects a private key, and shows no part of any text", () => {
  expect(() => readPublicKeys(PKCS8)).toThrow(new KeyError("a private key"));
  expect(() => readPublicKeys(SPKI + PKCS8)).toThrow(new KeyError("a private key"));
});
