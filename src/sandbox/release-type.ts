import type { ChannelVerdict, JudgeChannel } from "./channel.ts";
import type { Check } from "./check.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Failure } from "./failure.ts";
import type { HttpResponse, UnservedRequest } from "./http.ts";
import type { NoticeDialect } from "./notice.ts";
import type { Outcomes } from "./outcomes.ts";
import type { QueryDialect } from "./query.ts";
import type { FinalStatus, LocalStatus } from "./refunds.ts";
import type { Write } from "./reply.ts";
import type { LookupScope } from "./rows.ts";
import type { Algorithm } from "./signer.ts";
import type { TimeFormat } from "./time.ts";

/** A keyed digest over the members and a secret. */
export interface Digest {
  readonly upperCase: boolean;
  /** What the server computes for each sign type. */
  readonly algorithms: Readonly<Partial<Record<Algorithm, Algorithm>>>;
  /** Returned where no sign type is set and a reply has to be signed. */
  readonly typeUnset: Failure;
  /** The same where the release verifies first; undefined where its aspects have a fixed order. */
  readonly verifyFirst?: { readonly typeUnset: Failure };
}

export interface Release {
  /** The POST endpoints, by path. */
  readonly endpoints: Readonly<Record<string, Endpoint>>;
  /** Whether a path may end in a slash. */
  readonly trailingSlash: boolean;
  readonly time: TimeFormat;
  /** Undefined where the release signs with RSA. */
  readonly digest?: Digest;
  /** Codes of its exception handler. */
  readonly codes: { readonly system: number; readonly unreadable: number };
  /** In the order in which the server makes them. */
  readonly checks: readonly Check[];
  /** Maximum age of a request, and whether it is enforced as shipped; undefined where the release has no such check. */
  readonly reqTimeout?: { readonly seconds: number; readonly enforced: boolean };
  /** The text of a failure for a method other than POST. */
  readonly wrongMethod: (method: string) => string;
  /** Whether failures are worded in the caller's language. */
  readonly localized: boolean;
  /** Whether replies carry their trace id in the header `x-trace-id`. */
  readonly traceIdInHeader: boolean;
  /** Whether the nonces of requests can be checked. */
  readonly guardsNonces: boolean;
  /** Whether a request that names one of DaxPay's own terminals (`x-client-code`) fails. */
  readonly failsOnTerminals: boolean;
  readonly scope: LookupScope;
  readonly judge: JudgeChannel;
  /** The local status that a verdict leads to; undefined where it changes nothing. */
  readonly targets: Readonly<Partial<Record<ChannelVerdict["kind"], FinalStatus>>>;
  /** The status that is returned of a verdict; undefined where it is the refund's own. */
  readonly statuses?: Readonly<Partial<Record<ChannelVerdict["kind"], string>>>;
  /** The local statuses that are returned as such, without lock and channel. */
  readonly finalStatuses: readonly LocalStatus[];
  /** Whether the lock is taken only when the channel has answered, and the row is loaded again under it. */
  readonly locksLate: boolean;
  /** Whether a refund is created in `init`, before the channel is called. */
  readonly startsInInit: boolean;
  /** Whether a refund that failed is credited to its order as a closed one is. */
  readonly creditsFailures: boolean;
  /** Whether a write to a row that has changed since it was loaded rolls the transaction back. */
  readonly rollsBackStaleWrites: boolean;
  /** The member of the sync's `data` that holds the status. */
  readonly statusMember: "status" | "orderStatus";
  readonly outcomes: Outcomes;
  readonly query: QueryDialect;
  readonly write: Write;
  /** Undefined where the release sends no notices. */
  readonly notices?: NoticeDialect;
  readonly unserved: (request: UnservedRequest) => HttpResponse;
}
