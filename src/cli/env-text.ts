import { secretProblem } from "../signature.ts";

/** A name that is set in the text of an env file, and where. */
interface Assignment {
  readonly name: string;
  /** What is before the name: `export `, or nothing. */
  readonly prefix: string;
  readonly value: string;
  readonly start: number;
  /** Where the value is, with its quotes. */
  readonly valueStart: number;
  readonly valueEnd: number;
  /** Behind the line break. */
  readonly end: number;
}

/** An env file's text with another secret in it. */
export interface EnvTextChange {
  readonly text: string;
  /** Whether the secret before it is `WEBHOOK_SECRET_PREVIOUS` now. */
  readonly isRotated: boolean;
  /** Whether another previous secret had to go for that: there is room for one. */
  readonly isPreviousLost: boolean;
}

const current = "WEBHOOK_SECRET";
const previous = "WEBHOOK_SECRET_PREVIOUS";

const statement = /([ \t]*(?:export[ \t]+)?)([A-Za-z_][\w.-]*)[ \t]*=[ \t]*/y;
// A quoted value may go over several lines, and what is in it is no statement.
const quoted = /'(?:\\'|[^'])*'|"(?:\\"|[^"])*"|`(?:\\`|[^`])*`/y;
const plain = /[^#\r\n]*/y;
const restOfLine = /[^\r\n]*(?:\r\n|\r|\n|$)/y;

/**
 * Sets `WEBHOOK_SECRET`, and leaves every other line as it is. A secret that was set before becomes
 * `WEBHOOK_SECRET_PREVIOUS`, so that what is signed with it is still taken; one that no receiver
 * would take, such as a placeholder, does not.
 *
 * @returns Undefined for a secret that cannot be written in an env file.
 */
export function withSecret(text: string, secret: string): EnvTextChange | undefined {
  const all = assignmentsIn(text);
  // Of several the last one counts; those before it would only mislead.
  const [was, ...shadowed] = all.filter(({ name }) => name === current).reverse();
  const [previousWas, ...previousShadowed] = all.filter(({ name }) => name === previous).reverse();
  const written = inQuotes(secret, was && text[was.valueStart]);
  if (written === undefined) return undefined;
  const eol = /\r\n|\r|\n/.exec(text)?.[0] ?? "\n";
  if (was === undefined) {
    const before = text === "" || /[\r\n]$/.test(text) ? text : text + eol;
    return {
      text: `${before}${current}=${written}${eol}`,
      isRotated: false,
      isPreviousLost: false,
    };
  }
  if (was.value === secret) return { text, isRotated: false, isPreviousLost: false };

  const isRotated = secretProblem(was.value) === undefined;
  const old = text.slice(was.valueStart, was.valueEnd);
  const isEnded = /[\r\n]$/.test(text.slice(was.start, was.end));
  const added = `${isEnded ? "" : eol}${was.prefix}${previous}=${old}${eol}`;
  const edits: Edit[] = [[was.valueStart, was.valueEnd, written]];
  for (const { start, end } of shadowed) edits.push([start, end, ""]);
  if (isRotated && previousWas !== undefined) {
    edits.push([previousWas.valueStart, previousWas.valueEnd, old]);
    for (const { start, end } of previousShadowed) edits.push([start, end, ""]);
  } else if (isRotated) {
    edits.push([was.end, was.end, added]);
  }
  const isPreviousLost = isRotated && previousWas !== undefined &&
    !["", secret, was.value].includes(previousWas.value);
  return { text: edited(text, edits), isRotated, isPreviousLost };
}

/** Whether a text sets a secret that a receiver takes. */
export function hasSecret(text: string): boolean {
  const last = assignmentsIn(text).findLast(({ name }) => name === current);
  return last !== undefined && secretProblem(last.value) === undefined;
}

type Edit = readonly [start: number, end: number, text: string];

/** A text with such parts of it replaced. */
function edited(text: string, edits: readonly Edit[]): string {
  return edits.toSorted(([one], [other]) => other - one)
    .reduce((part, [start, end, by]) => part.slice(0, start) + by + part.slice(end), text);
}

function assignmentsIn(text: string): Assignment[] {
  const found: Assignment[] = [];
  const match = (pattern: RegExp, at: number) => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  // A byte order mark stays where it is.
  for (let at = text.startsWith("\ufeff") ? 1 : 0; at < text.length;) {
    const head = match(statement, at);
    const valueStart = at + (head?.[0].length ?? 0);
    const inner = head === null ? null : match(quoted, valueStart);
    const raw = inner?.[0] ?? match(plain, valueStart)?.[0].trimEnd() ?? "";
    const end = head === null ? at : valueStart + raw.length;
    const after = end + (match(restOfLine, end)?.[0].length ?? 0);
    if (head !== null) {
      const [, prefix = "", name = ""] = head;
      const value = inner === null ? raw : raw.slice(1, -1);
      found.push({ name, prefix, value, start: at, valueStart, valueEnd: end, end: after });
    }
    at = after;
  }
  return found;
}

/** A value as an env file takes it; in such quotes as were there, and in none if that will do. */
function inQuotes(secret: string, before: string | undefined): string | undefined {
  // Readers of env files do not agree on escapes, and some see a variable behind any `$`.
  if (/[\p{Cc}\\$]/u.test(secret)) return undefined;
  const isPlain = /^[\w.+/=:@%-]+$/.test(secret);
  const kept = before !== undefined && `'"`.includes(before) ? before : "";
  const quote = [kept, "", "'", '"', "`"].find((each) =>
    each === "" ? isPlain : !secret.includes(each)
  );
  return quote === undefined ? undefined : `${quote}${secret}${quote}`;
}
