import type { BeanMember } from "./bean.ts";

/**
 * `paySync` is the sync of payments, whose requests name no refund; `ping` is 4.x's check of a client's signature.
 */
export type EndpointKind = "sync" | "query" | "paySync" | "ping";

export interface Endpoint {
  readonly kind: EndpointKind;
  /** Members of its bean besides reqTime and sign. */
  readonly members: readonly BeanMember[];
  /** The method of DaxPay's controller. */
  readonly handler: string;
}
