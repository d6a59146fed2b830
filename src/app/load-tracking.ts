import type { AppTracking, AppTrackingOptions } from "./tracking.ts";

/**
 * Returns tracking where there is a database. Only then are its packages loaded, since they take time and memory; that is
 * also why no other file imports tracking.ts but for its types.
 */
export async function loadTracking(options: AppTrackingOptions): Promise<AppTracking | undefined> {
  if (!options.config.store && !options.dependencies.openDatabase) return undefined;
  const { createAppTracking } = await import("./tracking.ts");
  return await createAppTracking(options);
}
