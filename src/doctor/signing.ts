import type { Json, JsonObject } from "../daxpay/json.ts";
import type { ReplySigning } from "../daxpay/release.ts";
import { type Algorithm, type Members, signedMembers, type SigningScheme, verify } from "../daxpay/sign.ts";
import type { Secret } from "./secret.ts";

/** One way in which a reply may have been signed. */
export interface Signing {
  readonly signed: ReplySigning["signed"];
  readonly scheme: SigningScheme;
  readonly secret: Secret;
  /** Members of the object that its signature does not cover, because no DaxPay sends them. */
  readonly added: readonly string[];
}

export interface ExpectedSigning {
  readonly api: ReplySigning;
  readonly scheme: SigningScheme;
}

const ALGORITHMS: readonly Algorithm[] = ["HMAC_SHA256", "MD5", "SM3"];

/** Members of DaxPay's beans. */
const OWN_MEMBERS: Readonly<Record<Signing["signed"], readonly string[]>> = {
  data: ["code", "msg", "resTime", "status"],
  envelope: ["code", "msg", "data", "resTime", "traceId"],
};

/** Returns how the reply was really signed, the closest to what was expected; undefined if no known way matches. */
export function findSigning(
  envelope: JsonObject,
  expected: ExpectedSigning,
  secrets: readonly Secret[],
): Signing | undefined {
  const { api, scheme: { algorithm, upperCase } } = expected;
  const changes = ({ signed, scheme, secret, added }: Signing) =>
    Number(signed !== api.signed || scheme.upperCase !== upperCase) + Number(scheme.algorithm !== algorithm) +
    Number(secret.flaws.length > 0) + Number(added.length > 0);
  return signingsOf(envelope, api, secrets).sort((a, b) => changes(a) - changes(b))[0];
}

function signingsOf(envelope: JsonObject, api: ReplySigning, secrets: readonly Secret[]): Signing[] {
  return candidatesOf(envelope, api).flatMap(({ signed, signature, members, added }) =>
    ALGORITHMS.flatMap((algorithm) =>
      [false, true].flatMap((upperCase) =>
        secrets
          .filter((secret) => verify(members, signature, secret.text, { algorithm, upperCase }))
          .map((secret): Signing => ({ signed, scheme: { algorithm, upperCase }, secret, added }))
      )
    )
  );
}

interface Candidate {
  readonly signed: Signing["signed"];
  readonly signature: string;
  readonly members: Members;
  readonly added: readonly string[];
}

/** Each object with a signature, once as received and once without the members that DaxPay does not have. */
function candidatesOf(envelope: JsonObject, api: ReplySigning): Candidate[] {
  const objects: [Signing["signed"], Json | undefined][] = [["envelope", envelope], [
    "data",
    envelope.members.get("data"),
  ]];
  return objects.flatMap(([signed, object]) => {
    const signature = object?.type === "object" ? object.members.get("sign") : undefined;
    if (object?.type !== "object" || signature?.type !== "string") return [];
    const members = signedMembers(object, api);
    const isOwn = (name: string) => OWN_MEMBERS[signed].includes(name);
    const own = members.filter(([name]) => isOwn(name));
    const added = members.map(([name]) => name).filter((name) => name !== "sign" && !isOwn(name));
    const whole: Candidate = { signed, signature: signature.value, members, added: [] };
    return added.length === 0 ? [whole] : [whole, { ...whole, members: own, added }];
  });
}
