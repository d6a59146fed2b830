import type { DaxPayOptions } from "../daxpay/client.ts";

/** When the service sends DaxPay's refund query; see DAXPAY_QUERY. */
export type QueryMode = "auto" | "around" | "only" | "off";

/** The configuration that is checked. */
export interface DoctorOptions extends DaxPayOptions {
  /** `auto` unless set. */
  readonly query?: QueryMode;
  /** DAXPAY_SETTLE_TIMEOUT in milliseconds; 60,000 unless set. */
  readonly settleTimeoutMs?: number;
}
