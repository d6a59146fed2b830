import type { Json, JsonObject } from "../daxpay/json.ts";
import { type Algorithm, type Members, signedMembers, type SigningScheme, verify } from "../daxpay/sign.ts";
import type { Secret } from "./secret.ts";

/** One way in which a reply may have been signed. */
export interface Signing {
  readonly signed: "data" | "envelope";
  readonly rule: SigningScheme;
  readonly secret: Secret;
  /** Members that are in the object and not in its signature, because no DaxPay sends them. */
  readonly added: readonly string[];
}

const ALGORITHMS: readonly Algorithm[] = ["HMAC_SHA256", "MD5", "SM3"];

/** What DaxPay's beans hold. */
const OWN_MEMBERS: Readonly<Record<Signing["signed"], readonly string[]>> = {
  data: ["code", "msg", "resTime", "status"],
  envelope: ["code", "msg", "data", "resTime", "traceId"],
};

/** The way in which the reply was really signed, the nearest to `wanted` first; undefined where none is right. */
export function signingOf(
  envelope: JsonObject,
  wanted: Pick<Signing, "signed" | "rule">,
  secrets: readonly Secret[],
): Signing | undefined {
  const changes = ({ signed, rule, secret, added }: Signing) =>
    Number(signed !== wanted.signed || rule.upperCase !== wanted.rule.upperCase) +
    Number(rule.algorithm !== wanted.rule.algorithm) + Number(secret.flaw !== undefined) + Number(added.length > 0);
  return signingsOf(envelope, secrets).sort((a, b) => changes(a) - changes(b))[0];
}

function signingsOf(envelope: JsonObject, secrets: readonly Secret[]): Signing[] {
  return carriersOf(envelope).flatMap(({ signed, signature, members, added }) =>
    ALGORITHMS.flatMap((algorithm) =>
      [false, true].flatMap((upperCase) =>
        secrets
          .filter((secret) => verify(members, signature, secret.text, { algorithm, upperCase }))
          .map((secret): Signing => ({ signed, rule: { algorithm, upperCase }, secret, added }))
      )
    )
  );
}

interface Carrier {
  readonly signed: Signing["signed"];
  readonly signature: string;
  readonly members: Members;
  readonly added: readonly string[];
}

/** Each object with a signature, once as received and once without the members that DaxPay does not have. */
function carriersOf(envelope: JsonObject): Carrier[] {
  const objects: [Signing["signed"], Json | undefined][] = [["envelope", envelope], [
    "data",
    envelope.members.get("data"),
  ]];
  return objects.flatMap(([signed, object]) => {
    const signature = object?.type === "object" ? object.members.get("sign") : undefined;
    if (object?.type !== "object" || signature?.type !== "string") return [];
    const members = signedMembers(object);
    const own = members.filter(([name]) => OWN_MEMBERS[signed].includes(name));
    const added = members.map(([name]) => name).filter((name) =>
      name !== "sign" && !OWN_MEMBERS[signed].includes(name)
    );
    const whole: Carrier = { signed, signature: signature.value, members, added: [] };
    return added.length === 0 ? [whole] : [whole, { ...whole, members: own, added }];
  });
}
