/** Names a refund by one of its numbers. */
export interface RefundRef {
  /** DaxPay's number (退款号) or the merchant's (商户退款号). */
  readonly kind: "refundNo" | "bizRefundNo";
  readonly number: string;
}

/** The view that the address's fragment selects. */
export type Route =
  | { readonly view: "sync" | "watch"; readonly refundRef: RefundRef | undefined }
  | { readonly view: "batch" };

/** The request, in JSON, that names the refund. */
export function requestFrom({ kind, number }: RefundRef, clientIp = "") {
  return {
    ...(kind === "refundNo" ? { refundNo: number } : { bizRefundNo: number }),
    ...(clientIp && { clientIp }),
  };
}

/**
 * Parses #/refund/R1, #/refund/biz/B1, #/watch/R1, #/watch/biz/B1 and #/batch; anything else is the empty sync view.
 * Refund numbers are percent-encoded, so the number "biz" or one with "/" is unambiguous.
 */
export function routeFrom(hash: string): Route {
  const [head, ...rest] = hash.replace(/^#?\/?/, "").split("/");
  if (head === "batch") return { view: "batch" };
  return { view: head === "watch" ? "watch" : "sync", refundRef: refundRefFrom(rest) };
}

export function hashOf(route: Route): string {
  if (route.view === "batch") return "#/batch";
  const head = route.view === "watch" ? "watch" : "refund";
  if (!route.refundRef) return route.view === "watch" ? "#/watch" : "#/";
  const { kind, number } = route.refundRef;
  return `#/${head}/${kind === "bizRefundNo" ? "biz/" : ""}${encodeURIComponent(number.toWellFormed())}`;
}

function refundRefFrom(parts: readonly string[]): RefundRef | undefined {
  const biz = parts[0] === "biz" && parts.length > 1;
  const number = decoded((biz ? parts.slice(1) : parts).join("/"));
  return number === "" ? undefined : { kind: biz ? "bizRefundNo" : "refundNo", number };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A bare "%" that was typed by hand stands for itself.
    return text;
  }
}
