import { escapeUntyped } from "../util/characters.ts";
import { storableText } from "./row.ts";
import type { SqlValues } from "./sql-values.ts";
import { TRACKING_STATES, TrackingError } from "./tracking.ts";

/** UTF-16 units. */
const MAX_LENGTH = 4096;
/** Of parentheses and negations. */
const MAX_DEPTH = 20;
const MAX_COMPARISONS = 50;
const MAX_SHOWN_LENGTH = 40;

const STATUSES = ["IN_PROGRESS", "SUCCEEDED", "FAILED", "CLOSED", "NOT_FOUND_AT_CHANNEL", "UNKNOWN"];

/** Spaces of AIP-160's grammar. */
const SPACE = /\s*/y;
/** A hyphen inside a word belongs to it; before one it is an operator. */
const WORD = /[^\s()"'=!<>:,-][^\s()"'=!<>:,]*/y;
/** Also a negative number. */
const BARE_VALUE = /[^\s()"'=!<>:,]+/y;
const QUOTED = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/ys;
const KEYWORD = /(?:AND|OR|NOT)(?![^\s()"'=!<>:,])/y;
const OPERATOR = /!?=/y;
/** What an error shows of the rest. */
const ANY = /"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[<>!]=?|[():,=]|[^\s()"'=!<>:,]+/ys;

type Operator = "=" | "!=";

/**
 * The condition of an AIP-160 filter on a row of `refund`. Supports the fields status, tracking_state, final, channel and
 * labels.<key>, the operators = and !=, AND, OR, NOT, - and parentheses. As in AIP-160 OR binds tighter than AND. A value
 * that is not set equals no text, so != holds for it. Throws a TrackingError for any other filter.
 */
export function filterCondition(filter: string, values: SqlValues): string {
  if (filter.trim() === "") return "true";
  if (filter.length > MAX_LENGTH) throw filterError(`expected at most ${MAX_LENGTH} characters, got ${filter.length}`);
  if (filter !== storableText(filter)) throw filterError("expected text without U+0000 and halves of characters");
  return new FilterParser(filter, values).parse();
}

/** Parses by recursive descent and writes SQL, whose only texts of the caller's are parameters. */
class FilterParser {
  readonly #text: string;
  readonly #values: SqlValues;
  #position = 0;
  #depth = 0;
  #comparisons = 0;

  constructor(text: string, values: SqlValues) {
    this.#text = text;
    this.#values = values;
  }

  parse(): string {
    const condition = this.#conjunction();
    if (!this.#atEnd()) throw this.#unexpected("AND, OR or the end of the filter");
    return condition;
  }

  #conjunction(): string {
    const parts = [this.#disjunction()];
    while (this.#keyword("AND")) parts.push(this.#disjunction());
    return parts.length === 1 ? parts[0] : `(${parts.join(" AND ")})`;
  }

  #disjunction(): string {
    const parts = [this.#term()];
    while (this.#keyword("OR")) parts.push(this.#term());
    return parts.length === 1 ? parts[0] : `(${parts.join(" OR ")})`;
  }

  #term(): string {
    if (this.#keyword("NOT") || this.#character("-")) return this.#nested(() => `(NOT ${this.#term()})`);
    if (!this.#character("(")) return this.#comparison();
    return this.#nested(() => {
      const condition = this.#conjunction();
      if (!this.#character(")")) throw this.#unexpected('")", AND or OR');
      return condition;
    });
  }

  #nested(parse: () => string): string {
    if (++this.#depth > MAX_DEPTH) {
      throw this.#failed(`expected at most ${MAX_DEPTH} nested parentheses and negations, got more`);
    }
    const condition = parse();
    this.#depth--;
    return condition;
  }

  #comparison(): string {
    if (++this.#comparisons > MAX_COMPARISONS) {
      throw this.#failed(`expected at most ${MAX_COMPARISONS} comparisons, got more`);
    }
    const field = this.#field();
    const operator = this.#match(OPERATOR) as Operator | undefined;
    if (!operator) throw this.#unexpected('"=" or "!="');
    return field(operator);
  }

  /** Reads the name of a field. Returns what reads its value. */
  #field(): (operator: Operator) => string {
    const start = this.#skipSpace();
    const name = this.#peekKeyword() ? undefined : this.#match(WORD);
    switch (name) {
      case "status":
        // Not set before the first reply.
        return (operator) =>
          this.#textComparison("refund.status", operator, this.#enumValue("REFUND_STATUS_", STATUSES, true));
      case "tracking_state":
        return (operator) =>
          this.#textComparison("refund.tracking_state", operator, this.#enumValue("TRACKING_STATE_", TRACKING_STATES));
      case "final":
        return (operator) => this.#booleanComparison("refund.final", operator);
      case "channel":
        return (operator) => this.#textComparison("coalesce(refund.state ->> 'channel', '')", operator, this.#value());
      case undefined:
        break;
      default:
        if (name.startsWith("labels.")) return this.#labelComparison(name.slice("labels.".length));
    }
    this.#position = start;
    throw this.#unexpected("status, tracking_state, final, channel or labels.<key>");
  }

  /** Keys may contain dots and hyphens, and may be quoted. */
  #labelComparison(bareKey: string): (operator: Operator) => string {
    const key = bareKey || this.#quoted();
    if (!key) throw this.#unexpected("the key of a label");
    return (operator) => {
      // Without its type the key could be an index.
      const column = `(refund.labels ->> ${this.#values.add(key)}::text)`;
      return this.#textComparison(column, operator, this.#value());
    };
  }

  /** Two-valued, so that NOT of it is its opposite even where the column is NULL. */
  #textComparison(column: string, operator: Operator, value: string | null): string {
    const negation = operator === "=" ? "NOT " : "";
    return `${column} IS ${negation}DISTINCT FROM ${this.#values.add(value)}::text`;
  }

  #booleanComparison(column: string, operator: Operator): string {
    const start = this.#skipSpace();
    const value = this.#value();
    if (value !== "true" && value !== "false") {
      this.#position = start;
      throw this.#unexpected("true or false");
    }
    return (value === "true") === (operator === "=") ? column : `(NOT ${column})`;
  }

  /** With or without its prefix. Null stands for the unspecified value. */
  #enumValue(prefix: string, names: readonly string[], unspecified = false): string | null {
    const start = this.#skipSpace();
    const value = this.#value();
    const name = value.startsWith(prefix) ? value.slice(prefix.length) : value;
    if (names.includes(name)) return name;
    if (unspecified && name === "UNSPECIFIED") return null;
    this.#position = start;
    throw this.#unexpected(`one of ${[...names, ...(unspecified ? ["UNSPECIFIED"] : [])].join(", ")}`);
  }

  #value(): string {
    this.#skipSpace();
    const value = this.#quoted() ?? (this.#peekKeyword() ? undefined : this.#match(BARE_VALUE));
    if (value !== undefined) return value;
    const quote = this.#text[this.#position];
    throw this.#unexpected(quote === '"' || quote === "'" ? `a text that ends with ${quote}` : "a value");
  }

  #quoted(): string | undefined {
    const quoted = this.#matchHere(QUOTED);
    return quoted?.slice(1, -1).replace(/\\(.)/gs, "$1");
  }

  #keyword(keyword: string): boolean {
    if (this.#peekKeyword() !== keyword) return false;
    this.#position += keyword.length;
    return true;
  }

  #peekKeyword(): string | undefined {
    const start = this.#skipSpace();
    const keyword = this.#matchHere(KEYWORD);
    this.#position = start;
    return keyword;
  }

  #character(character: string): boolean {
    if (this.#text[this.#skipSpace()] !== character) return false;
    this.#position++;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    this.#skipSpace();
    return this.#matchHere(pattern);
  }

  #matchHere(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position;
    const match = pattern.exec(this.#text)?.[0];
    if (match !== undefined) this.#position += match.length;
    return match;
  }

  #skipSpace(): number {
    this.#matchHere(SPACE);
    return this.#position;
  }

  #atEnd(): boolean {
    return this.#skipSpace() === this.#text.length;
  }

  #unexpected(expected: string): TrackingError {
    this.#skipSpace();
    const position = this.#position;
    const got = this.#matchHere(ANY);
    this.#position = position;
    return this.#failed(`expected ${expected}, got ${got === undefined ? "the end" : shown(got)}`);
  }

  #failed(description: string): TrackingError {
    return filterError(`${description} at character ${this.#position + 1}`);
  }
}

function shown(text: string): string {
  const short = text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text;
  return escapeUntyped(JSON.stringify(short));
}

function filterError(description: string): TrackingError {
  return new TrackingError("INVALID_REQUEST", description, { field: "filter" });
}
