import type { SyncConfig } from "../config/accounts.ts";
import type { DaxPayOptions } from "../daxpay/client.ts";

/** When the service sends DaxPay's refund query (DAXPAY_QUERY). */
export type QueryMode = SyncConfig["queryMode"];

/** The part of the service's configuration that is checked. */
export type DoctorOptions = DaxPayOptions & Pick<SyncConfig, "queryMode" | "settleTimeoutMs">;
