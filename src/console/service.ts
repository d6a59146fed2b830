import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { RefundClient } from "../client.ts";
import type { FinalStates } from "./final-states.ts";
import type { Outcome } from "./outcome.ts";

/** The service's settings that the page shows. */
export interface Settings {
  /** Port that speaks gRPC, on the page's own host. */
  readonly grpcPort: number;
  /** Milliseconds between the attempts of a watch; the last repeats. */
  readonly watchWaitsMs: readonly number[];
}

export interface Service {
  readonly client: RefundClient;
  readonly settings: Settings | undefined;
  readonly finalStates: FinalStates;
  readonly hasToken: boolean;
  /** Why the page asks for a token; undefined while it does not. */
  readonly authPrompt: "missing" | "wrong" | undefined;
  /** Increases with every sign-in: requests that were rejected before are sent again. */
  readonly authEpoch: number;
  /** Asks for a token when the outcome is an authentication error. */
  readonly handleAuthError: (outcome: Outcome) => void;
  readonly signIn: (token: string) => void;
  readonly signOut: () => void;
}

export const ServiceContext = createContext<Service | undefined>(undefined);

export function useService(): Service {
  const service = useContext(ServiceContext);
  if (!service) throw new TypeError("useService(): expected a ServiceContext around the view, got none");
  return service;
}

/** Milliseconds until a watch's next attempt, without the service's jitter. */
export function nextAttemptMs(attempt: number, minDelayMs: number, settings: Settings | undefined): number {
  const waits = settings?.watchWaitsMs ?? [];
  return Math.max(minDelayMs, waits[Math.min(attempt, waits.length) - 1] ?? 0);
}

export async function fetchSettings(url: URL): Promise<Settings | undefined> {
  try {
    const response = await fetch(url);
    return response.ok ? settingsFrom(await response.json()) : undefined;
  } catch {
    // The page works without them: it shows no command for gRPC and counts down the shortest delay.
    return undefined;
  }
}

function settingsFrom(json: unknown): Settings | undefined {
  if (typeof json !== "object" || json === null || !("grpcPort" in json) || !("watchWaitsMs" in json)) return undefined;
  const { grpcPort, watchWaitsMs } = json;
  if (typeof grpcPort !== "number" || !Array.isArray(watchWaitsMs)) return undefined;
  return { grpcPort, watchWaitsMs: watchWaitsMs.filter((wait): wait is number => typeof wait === "number") };
}
