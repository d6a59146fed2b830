/** How many requests count at the same time at most. */
export interface BudgetLimit {
  /** Requests in any window. */
  readonly capacity: number;
  /** The part of the capacity up to which background work may fill the window. */
  readonly backgroundCapacity: number;
  readonly windowMs: number;
}

/** What one replica has done since its last booking, and what it wants next. */
export interface Booking {
  readonly limit: BudgetLimit;
  /**
   * Milliseconds since the holder's last booking that was answered; undefined where there is none. By it the budget notices
   * that its own clock was set forward.
   */
  readonly sinceLastMs: number | undefined;
  /** Requests that its running jobs may still send; replaces what was known of it. */
  readonly held: number;
  /** How many milliseconds ago each request was sent. */
  readonly sentAgoMs: readonly number[];
  /** Requests that were granted to background jobs and not sent. */
  readonly unusedBackground: number;
  /** The requests of each job that waits, in the order in which they start; a job gets all of its requests or none. */
  readonly callers: readonly number[];
  /** The same for background jobs, which get nothing as long as a caller's job gets nothing. */
  readonly background: readonly number[];
  /** Milliseconds for which nothing may be sent by any replica; 0: no pause. */
  readonly pauseMs: number;
}

export interface Booked {
  /** Requests, as a sum over the jobs. */
  readonly callers: number;
  readonly background: number;
  /** Milliseconds until it is worth asking again for those that got nothing. */
  readonly callersInMs: number;
  readonly backgroundInMs: number;
  /** Milliseconds for which nothing may be sent; 0: no pause. */
  readonly pausedMs: number;
}

/** One account's requests to DaxPay, over all replicas. */
export interface SharedBudget {
  /**
   * Books requests for the holder, which has at most one booking in progress. What a holder may still send counts until it
   * says otherwise, for 20 s after its last booking at most. Throws where there is no answer.
   */
  book(holder: string, booking: Booking): Promise<Booked>;
  /** Number of replicas, as last observed. */
  replicas(): number;
}
