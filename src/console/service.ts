import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { RefundClient } from "../client.ts";
import type { Outcome } from "./outcome.ts";

/** What the service tells the page about itself. */
export interface Settings {
  /** Port that speaks gRPC, on the page's own host. */
  readonly grpcPort: number;
  /** Milliseconds between the attempts of a watch; the last repeats. */
  readonly watchWaitsMs: readonly number[];
}

export interface Service {
  readonly client: RefundClient;
  readonly settings: Settings | undefined;
  readonly hasToken: boolean;
  /** Why a token is asked for; unset where none is. */
  readonly gate: "missing" | "wrong" | undefined;
  /** Counts the tokens given after a refusal: what was refused is asked again when it grows. */
  readonly admission: number;
  /** Looks whether an outcome is the refusal of the token, and asks for one if so. */
  readonly check: (outcome: Outcome) => void;
  readonly admit: (token: string) => void;
  readonly forget: () => void;
}

export const ServiceContext = createContext<Service | undefined>(undefined);

export function useService(): Service {
  const service = useContext(ServiceContext);
  if (!service) throw new TypeError("Found no ServiceContext, wanted one around every view");
  return service;
}

/** Milliseconds until the watch's next attempt, before the service's own small spread. */
export function nextAttemptMs(attempt: number, leastMs: number, settings: Settings | undefined): number {
  const waits = settings?.watchWaitsMs ?? [];
  return Math.max(leastMs, waits[Math.min(attempt, waits.length) - 1] ?? 0);
}

export async function fetchSettings(url: URL): Promise<Settings | undefined> {
  try {
    const response = await fetch(url);
    return response.ok ? settingsFrom(await response.json()) : undefined;
  } catch {
    // The page works without: it shows no command for gRPC and counts from the shortest wait.
    return undefined;
  }
}

function settingsFrom(json: unknown): Settings | undefined {
  if (typeof json !== "object" || json === null || !("grpcPort" in json) || !("watchWaitsMs" in json)) return undefined;
  const { grpcPort, watchWaitsMs } = json;
  if (typeof grpcPort !== "number" || !Array.isArray(watchWaitsMs)) return undefined;
  return { grpcPort, watchWaitsMs: watchWaitsMs.filter((wait): wait is number => typeof wait === "number") };
}
