import type { HandlerContext } from "@connectrpc/connect";
import type { Refunds } from "../refund/refunds.ts";
import { escapeUntyped } from "../util/characters.ts";
import { AccountError, accountError } from "./errors.ts";

/** The configured accounts. */
export interface AccountDirectory {
  /** Returns the name that an empty one stands for, that of the only account or "default"; other names as they are. */
  nameOf(account: string): string;
  /** Refunds of the account; undefined if there is no such account. */
  refundsOf(name: string): Refunds | undefined;
}

/** Names of the accounts that the caller of an RPC may use; undefined for all. */
export type AllowedAccounts = (context: HandlerContext) => ReadonlySet<string> | undefined;

export interface SelectedAccount {
  readonly name: string;
  readonly refunds: Refunds;
}

/** Selects the account that a request names. Throws an AccountError. */
export type SelectAccount = (account: string, context: HandlerContext) => SelectedAccount;

const MAX_NAME_LENGTH = 100;

/** A restricted caller does not learn which other accounts exist. */
export function createSelectAccount(directory: AccountDirectory, allowedOf: AllowedAccounts): SelectAccount {
  return (account, context) => {
    const name = directory.nameOf(account);
    const allowed = allowedOf(context);
    const quoted = escapeUntyped(JSON.stringify(name.slice(0, MAX_NAME_LENGTH)));
    if (allowed && !allowed.has(name)) {
      throw new AccountError("PERMISSION_DENIED", `This caller may not use account ${quoted}`);
    }
    const refunds = directory.refundsOf(name);
    if (!refunds) throw new AccountError("INVALID_REQUEST", `expected the name of a configured account, got ${quoted}`);
    return { name, refunds };
  };
}

/** Selects the account, or throws the error for the caller. */
export function selectOrThrow(select: SelectAccount, account: string, context: HandlerContext): SelectedAccount {
  try {
    return select(account, context);
  } catch (error) {
    throw error instanceof AccountError ? accountError(error) : error;
  }
}
