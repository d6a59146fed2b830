import { startProcess } from "../support/process.ts";

/** The releases whose sync of a closed refund books its amount again. */
export const CHAOS_RELEASES = ["3.0.0", "3.0.0-beta4"] as const;
export type ChaosRelease = typeof CHAOS_RELEASES[number];

/** Starts the service itself, without the launcher, so that a signal reaches it and nothing outlives it. */
export function startKillable(release: ChaosRelease, url: string, variables: Readonly<Record<string, string>>) {
  return startProcess({
    args: ["run", "-A", "src/main.ts"],
    variables: {
      DAXPAY_URL: url,
      DAXPAY_RELEASE: release,
      DAXPAY_APP_ID: "M8207639754663343",
      ...(release === "3.0.0" ? { DAXPAY_MCH_NO: "M1745845174843" } : {}),
      ...variables,
    },
  });
}
