import { FAULTS, isFaultName } from "./fault.ts";
import type { Faults, FaultTarget } from "./faults.ts";
import { JSON_TYPE, type Page } from "./page.ts";
import type { Recorded } from "./record.ts";

/** Paths that begin so are the sandbox's own; no DaxPay has them. */
export const ADMIN_PREFIX = "/sandbox/";

export interface AdminRequest {
  readonly method: string;
  readonly path: string;
  readonly contentType: string;
  readonly body: string;
}

export interface AdminContext {
  readonly requests: readonly Recorded[];
  readonly setFault: Faults["set"];
  readonly clearFaults: () => void;
}

/** Serves the calls that steer the sandbox. */
export function administer({ method, path, contentType, body }: AdminRequest, context: AdminContext): Page {
  switch (`${method} ${path}`) {
    case "POST /sandbox/faults":
      // A web page cannot send this type elsewhere without being allowed to.
      if (!/^application\/json\b/i.test(contentType)) {
        return told(415, `Found content type "${contentType}", wanted "application/json"`);
      }
      return setFault(body, context);
    case "DELETE /sandbox/faults":
      context.clearFaults();
      return { status: 204, type: JSON_TYPE, body: "" };
    case "GET /sandbox/requests":
      return { status: 200, type: JSON_TYPE, body: JSON.stringify(context.requests) };
    default:
      return told(
        404,
        `Found ${method} ${path}, wanted POST /sandbox/faults, DELETE /sandbox/faults or GET /sandbox/requests`,
      );
  }
}

function setFault(body: string, context: AdminContext): Page {
  try {
    const { fault, ...target } = JSON.parse(body) as { fault?: unknown } & FaultTarget;
    if (!isFaultName(fault)) {
      return told(400, `Found fault ${JSON.stringify(fault)}, wanted one of ${Object.keys(FAULTS).join(", ")}`);
    }
    const mistake = mistakeIn(target);
    if (mistake) return told(400, mistake);
    context.setFault(fault, target);
    return { status: 204, type: JSON_TYPE, body: "" };
  } catch (error) {
    return told(400, error instanceof Error ? error.message : String(error));
  }
}

const MEMBERS: Readonly<Record<string, "string" | "number">> = {
  refundNo: "string",
  times: "number",
  delayMs: "number",
  retryAfterSeconds: "number",
  code: "number",
  text: "string",
} satisfies Record<keyof FaultTarget, "string" | "number">;

function mistakeIn(target: object): string | undefined {
  for (const [name, value] of Object.entries(target)) {
    if (!Object.hasOwn(MEMBERS, name)) {
      return `Found member "${name}", wanted fault, ${Object.keys(MEMBERS).join(", ")}`;
    }
    const found = typeof value;
    if (found !== MEMBERS[name]) {
      return `Found ${JSON.stringify(value)} as "${name}", wanted a ${MEMBERS[name]}`;
    }
  }
}

function told(status: number, error: string): Page {
  return { status, type: JSON_TYPE, body: JSON.stringify({ error }) };
}
