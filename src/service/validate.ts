import { createValidator, type Validator } from "@bufbuild/protovalidate";

/** Judges messages by the rules in proto/. Its default engine for their patterns, RE2 in TypeScript, is slow. */
export function createRuleValidator(): Validator {
  // Linear here too, since each pattern is a class, alone or starred. None comes from a caller, so they are few.
  const compiled = new Map<string, RegExp>();
  return createValidator({
    regexMatch(pattern, text) {
      let regex = compiled.get(pattern);
      if (!regex) compiled.set(pattern, regex = new RegExp(pattern, "u"));
      return regex.test(text);
    },
  });
}
