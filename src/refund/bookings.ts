import { randomUUID } from "node:crypto";
import type { Clock } from "./clock.ts";
import type { Booked, BudgetLimit, SharedBudget } from "./shared-budget.ts";

/** What the jobs of a limiter hold and want; see Booking. */
export interface Demand {
  readonly held: number;
  readonly callers: readonly number[];
  readonly background: readonly number[];
}

/** The requests that one limiter has booked in a budget that it shares with other replicas. */
export interface Bookings {
  /** Whether the budget does not answer, so that jobs start without it. */
  isAway(): boolean;
  /** Whether only this replica's share of the rate may be used: without an answer, and while others may be without one. */
  isLimitedToShare(): boolean;
  /** Takes booked requests for a job, if there are enough. */
  take(requests: number, background: boolean): boolean;
  /** Returns what a job that ended, or waits for more, has not sent. */
  giveBack(requests: number, background: boolean): void;
  /** Records that a request is sent now; returns when `update` is to be called, by Clock.elapsed. */
  sent(): number;
  /** Pauses all replicas. */
  pause(ms: number): void;
  /**
   * Books what is wanted if it is time to; returns when it will be, by Clock.elapsed. To be called after jobs have taken
   * what they can.
   */
  update(demand: Demand): number;
  /** Tells a last time what was sent and what is held. */
  close(held: number): void;
}

/**
 * Milliseconds that jobs wait for an answer. An error does not shorten that: then what other replicas have sent with the
 * last answers no longer counts, and everybody's share is free.
 */
const TIMEOUT_MS = 1_000;
/** Milliseconds until a budget that did not answer is asked again: while jobs wait for it, and later. */
const RETRY_MS = [100, 1_000] as const;
/** Milliseconds for which a replica keeps to its share when the budget answers again: for others it may still be away. */
const RECOVERY_MS = 2_000;
/** Milliseconds until others learn that requests are not sent. */
const RETURN_MS = 50;
/** Milliseconds until others learn that requests were sent. That may take a part of a window, since they count anyway. */
const REPORT_MS = 500;
/** Milliseconds until what is held is confirmed: it would be lost after 20 s. */
const CONFIRM_MS = 8_000;

/**
 * Books for one limiter, with one booking in progress at a time: then what a replica holds is told as one number, which
 * corrects whatever an unanswered booking has left behind. `onChange` is called when jobs may start or must be asked for
 * again, with the milliseconds of a pause of all replicas.
 */
export function createBookings(
  budget: SharedBudget,
  limit: BudgetLimit,
  clock: Clock,
  onChange: (pausedMs: number) => void,
): Bookings {
  const holder = randomUUID();
  /** Booked, and no job's yet. */
  let spare = 0;
  /** The part of them that background jobs may take: of what others return, they take nothing without asking. */
  let spareBackground = 0;
  /** Clock.elapsed of requests that the budget does not know of as sent. */
  let unreported: number[] = [];
  let unusedBackground = 0;
  let pausedUntil = 0;
  let inProgress = false;
  let away = false;
  /** Whether the last booking was not answered in time. */
  let failed = false;
  /** By Clock.elapsed: when what happened here must be told, and when it is worth asking. */
  let tellAt = Infinity;
  let callersAt = 0;
  let backgroundAt = 0;
  let retryAt = 0;
  let recoveredAt = 0;
  /** When the last booking began that was answered in time. */
  let lastAt: number | undefined;
  /** Of the time that jobs wait at most; undefined where everything has been answered. */
  let cancelDeadline: (() => void) | undefined;
  let closed = false;
  /** What is held when the limiter is closed, until that is told. */
  let lastHeld: number | undefined;

  function tellLast(): void {
    if (lastHeld === undefined) return;
    const held = lastHeld;
    lastHeld = undefined;
    void book({ held, callers: [], background: [] });
  }

  function tellWithin(ms: number): void {
    tellAt = Math.min(tellAt, clock.elapsed() + ms);
  }

  async function book({ held, callers, background }: Demand): Promise<void> {
    const now = clock.elapsed();
    const told = unreported.filter((time) => now - time < limit.windowMs);
    inProgress = true;
    // What is not held is given back.
    spare = 0;
    unreported = [];
    tellAt = Infinity;
    const unused = unusedBackground;
    unusedBackground = 0;
    const pauseMs = Math.max(0, pausedUntil - now);
    pausedUntil = 0;
    if (!closed) {
      cancelDeadline ??= clock.after(TIMEOUT_MS, () => {
        cancelDeadline = undefined;
        away = true;
        onChange(0);
      });
    }
    let booked: Booked | undefined;
    try {
      booked = await budget.book(holder, {
        limit,
        sinceLastMs: lastAt === undefined ? undefined : now - lastAt,
        held,
        sentAgoMs: told.map((time) => now - time),
        unusedBackground: unused,
        callers,
        background,
        pauseMs,
      });
    } catch {
      unreported = [...told, ...unreported];
      pausedUntil = Math.max(pausedUntil, now + pauseMs);
      tellWithin(0);
    }
    inProgress = false;
    if (closed) return tellLast();
    const answeredAt = clock.elapsed();
    if (!booked || answeredAt - now >= TIMEOUT_MS) {
      failed = true;
      retryAt = answeredAt + RETRY_MS[away ? 1 : 0];
      tellWithin(0);
      return onChange(booked?.pausedMs ?? 0);
    }
    cancelDeadline?.();
    cancelDeadline = undefined;
    lastAt = now;
    if (failed) recoveredAt = answeredAt + RECOVERY_MS;
    failed = false;
    away = false;
    callersAt = answeredAt + booked.callersInMs;
    backgroundAt = answeredAt + booked.backgroundInMs;
    spare = booked.callers + booked.background;
    spareBackground = booked.background;
    if (held + spare > 0) tellWithin(CONFIRM_MS);
    onChange(booked.pausedMs);
  }

  return {
    isAway: () => away,
    isLimitedToShare: () => away || clock.elapsed() < recoveredAt,
    take(requests, background) {
      if ((background ? Math.min(spare, spareBackground) : spare) < requests) return false;
      spare -= requests;
      if (background) spareBackground -= requests;
      return true;
    },
    giveBack(requests, background) {
      if (requests === 0) return;
      if (!away && !inProgress) spare += requests;
      if (background) unusedBackground += requests;
      tellWithin(RETURN_MS);
    },
    sent() {
      unreported.push(clock.elapsed());
      tellWithin(REPORT_MS);
      return closed ? Infinity : tellAt;
    },
    pause(ms) {
      pausedUntil = Math.max(pausedUntil, clock.elapsed() + ms);
      tellWithin(0);
    },
    update({ held, callers, background }) {
      const now = clock.elapsed();
      if (spare > 0) tellWithin(RETURN_MS);
      if (inProgress || closed) return Infinity;
      const dueAt = Math.min(
        tellAt,
        callers.length > 0 ? callersAt : Infinity,
        background.length > 0 ? backgroundAt : Infinity,
      );
      const nextAt = Math.max(dueAt, retryAt);
      // More may start when it is no longer limited to its share.
      if (now < nextAt) return now < recoveredAt ? Math.min(nextAt, recoveredAt) : nextAt;
      // Nothing waits for a budget that is away.
      if (away) void book({ held, callers: [], background: [] });
      else void book({ held, callers, background: now < backgroundAt ? [] : background });
      return Infinity;
    },
    close(held) {
      closed = true;
      cancelDeadline?.();
      if (away) return;
      if (inProgress || tellAt < Infinity) lastHeld = held;
      if (!inProgress) tellLast();
    },
  };
}
