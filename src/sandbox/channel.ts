import { type Failure, signed, unsigned } from "./failure.ts";

/** The payment channels that DaxPay's refund sync supports; any other name stands for one that it does not. */
export type Channel = "wechat_pay" | "ali_pay" | (string & Record<never, never>);

/** What becomes of DaxPay's call to the payment channel. The first four are WeChat's words for a refund. */
export const CHANNEL_STATES = [
  "PROCESSING",
  "SUCCESS",
  /** WeChat's REFUNDCLOSE. */
  "CLOSED",
  /** WeChat's 退款异常: the money could not be returned to the payer. */
  "CHANGE",
  /** WeChat's REFUNDNOTEXIST, Alipay's ACQ.TRADE_NOT_EXIST. */
  "NOT_EXIST",
  "ERROR",
  "NETWORK_ERROR",
  "UNPARSABLE",
] as const;
export type ChannelState = typeof CHANNEL_STATES[number];

export function isChannelState(name: unknown): name is ChannelState {
  return (CHANNEL_STATES as readonly unknown[]).includes(name);
}

export interface ChannelAnswer {
  readonly channel: Channel;
  readonly state: ChannelState;
  /** The channel's text of an ERROR. */
  readonly error: string | null;
}

/** What DaxPay makes of the channel's answer. */
export type ChannelVerdict =
  | { readonly kind: "success" | "progress" | "closed" | "notFound" }
  /** 3.x: the channel's state is null; 4.x: its answer is a failure. Nothing is changed. */
  | { readonly kind: "undetermined" }
  | { readonly kind: "failed"; readonly error: string | null }
  /** The sync ends here, and the refund is left as it is. */
  | { readonly kind: "aborted"; readonly failure: Failure };

export type JudgeChannel = (answer: ChannelAnswer, tables: { readonly shipped: boolean }) => ChannelVerdict;

const dataFailure = (text: string | null): ChannelVerdict => ({ kind: "aborted", failure: signed(1, text) });
const databaseFailure = (text: string): ChannelVerdict => ({ kind: "aborted", failure: unsigned(10001, text) });

/** 2.0.8's MySQL script lacks defaults that its inserts rely on, and `show-full-message` lets the SQL out. */
const NO_SYNC_INFO = "Field 'sync_info' doesn't have a default value";
const SYNC_RECORD_FAILURE = `
### Error updating database.  Cause: java.sql.SQLException: ${NO_SYNC_INFO}
### The error may exist in cn/daxpay/single/service/core/record/sync/dao/PaySyncRecordMapper.java (best guess)
### The error may involve cn.daxpay.single.service.core.record.sync.dao.PaySyncRecordMapper.insert-Inline
### The error occurred while setting parameters
### SQL: INSERT INTO pay_sync_record  ( id, trade_no, biz_trade_no,  out_trade_status, sync_type, channel,  repair,     creator, create_time )  VALUES (  ?, ?, ?,  ?, ?, ?,  ?,     ?, ?  )
### Cause: java.sql.SQLException: ${NO_SYNC_INFO}
; ${NO_SYNC_INFO}; nested exception is java.sql.SQLException: ${NO_SYNC_INFO}`;
const NO_AFTER_STATUS = "Field 'after_status' doesn't have a default value";
const REPAIR_RECORD_FAILURE =
  "cn.daxpay.single.service.core.record.repair.dao.PayRepairRecordMapper.insert (batch index #2) failed. " +
  `1 prior sub executor(s) completed successfully, but will be rolled back. Cause: java.sql.BatchUpdateException: ` +
  `${NO_AFTER_STATUS}\n; ${NO_AFTER_STATUS}; nested exception is java.sql.BatchUpdateException: ${NO_AFTER_STATUS}`;

/** 2.x: Alipay is either done or failed, WeChat's closed refund is a failure without a text. */
export const judge2: JudgeChannel = ({ channel, state, error }, { shipped }) => {
  const alipay = channel === "ali_pay";
  switch (state) {
    case "SUCCESS":
      return { kind: "success" };
    case "PROCESSING":
      return alipay ? dataFailure("支付宝网关退款未成功") : { kind: "progress" };
    case "CLOSED":
    case "CHANGE":
      return dataFailure(alipay ? "支付宝网关退款未成功" : null);
    case "NOT_EXIST":
      if (alipay) return dataFailure("交易不存在");
      return shipped ? databaseFailure(REPAIR_RECORD_FAILURE) : { kind: "notFound" };
    case "ERROR":
      return dataFailure(error);
    case "NETWORK_ERROR":
      if (shipped) return databaseFailure(SYNC_RECORD_FAILURE);
      return alipay ? dataFailure(null) : { kind: "progress" };
    case "UNPARSABLE":
      return alipay ? databaseFailure("expected value at column 1") : dataFailure(null);
  }
};

/** 3.x: whatever is no answer makes the refund fail, also Alipay's answer that it is not done yet. */
export const judge3: JudgeChannel = ({ channel, state, error }) => {
  const alipay = channel === "ali_pay";
  switch (state) {
    case "SUCCESS":
      return { kind: "success" };
    case "PROCESSING":
      return alipay ? { kind: "failed", error: null } : { kind: "undetermined" };
    case "CLOSED":
    case "CHANGE":
      return alipay ? { kind: "failed", error: null } : { kind: "closed" };
    case "NOT_EXIST":
      return { kind: "failed", error: alipay ? "交易不存在" : "REFUNDNOTEXIST" };
    case "ERROR":
      return { kind: "failed", error };
    case "NETWORK_ERROR":
      return { kind: "failed", error: "Connection reset" };
    case "UNPARSABLE":
      return { kind: "aborted", failure: unsigned(10500, "系统错误") };
  }
};

/** 4.x: only a clear answer changes a refund. */
export const judge4: JudgeChannel = ({ channel, state }) => {
  const alipay = channel === "ali_pay";
  switch (state) {
    case "SUCCESS":
      return { kind: "success" };
    case "PROCESSING":
      return { kind: "progress" };
    case "CLOSED":
      return alipay ? { kind: "progress" } : { kind: "closed" };
    case "CHANGE":
      return alipay ? { kind: "progress" } : { kind: "failed", error: null };
    case "NOT_EXIST":
    case "ERROR":
    case "NETWORK_ERROR":
    case "UNPARSABLE":
      return { kind: "undetermined" };
  }
};
