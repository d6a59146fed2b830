/** A refund as its number names it. */
export interface Named {
  /** Whose number it is: DaxPay's (退款号) or the merchant's (商户退款号). */
  readonly kind: "refundNo" | "bizRefundNo";
  readonly number: string;
}

/** What the page shows; the part after # of its address. */
export type Route =
  | { readonly view: "sync" | "watch"; readonly named: Named | undefined }
  | { readonly view: "batch" };

/** Members of a request that names the refund. */
export function queryOf({ kind, number }: Named): { refundNo: string } | { bizRefundNo: string } {
  return kind === "refundNo" ? { refundNo: number } : { bizRefundNo: number };
}

/**
 * #/refund/R1, #/refund/biz/B1, #/watch/R1, #/watch/biz/B1, #/batch. A number is percent-encoded, so one that is "biz"
 * or holds "/" cannot be mistaken. Anything else is the start.
 */
export function routeFrom(hash: string): Route {
  const [head, ...rest] = hash.replace(/^#?\/?/, "").split("/");
  if (head === "batch") return { view: "batch" };
  return { view: head === "watch" ? "watch" : "sync", named: namedFrom(rest) };
}

export function hashOf(route: Route): string {
  if (route.view === "batch") return "#/batch";
  const head = route.view === "watch" ? "watch" : "refund";
  if (!route.named) return route.view === "watch" ? "#/watch" : "#/";
  const { kind, number } = route.named;
  return `#/${head}/${kind === "bizRefundNo" ? "biz/" : ""}${encodeURIComponent(number.toWellFormed())}`;
}

function namedFrom(parts: readonly string[]): Named | undefined {
  const biz = parts[0] === "biz" && parts.length > 1;
  const number = decoded((biz ? parts.slice(1) : parts).join("/"));
  return number === "" ? undefined : { kind: biz ? "bizRefundNo" : "refundNo", number };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Typed by hand with a bare "%": what stands there is what is meant.
    return text;
  }
}
