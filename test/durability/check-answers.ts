import type { SystemCall } from "../support/system-calls/system-call.ts";

/** What a trace says of a server's answers. */
export interface CheckedAnswers {
  /** The ids of the events that were answered 200, in that order. */
  readonly ids: readonly string[];
  /** How often the WAL was synced. */
  readonly syncs: number;
  /** Each answer 200 that was begun before its event was on the disk, as far as is seen, and why. */
  readonly faults: readonly string[];
}

/** Pages that SQLite wrote to its WAL, up to and with the last of a transaction. */
interface Commit {
  readonly pages: readonly string[];
  /** When the last of them was written. */
  readonly ended: number;
}

/** An answer 200: when it began to be written, and what it is. */
interface Answer {
  readonly began: number;
  readonly text: string;
}

const frameHeaderBytes = 24;

/**
 * Looks whether before each answer 200 the WAL was synced, by a sync that began after the last page
 * was written of the transaction that stored what is answered.
 *
 * @param calls Of the server, from its start on.
 * @param wal The path of its database's WAL.
 */
export function checkAnswers(calls: readonly SystemCall[], wal: string): CheckedAnswers {
  const ofWal = calls.filter(({ path }) => path === wal);
  const commits = commitsOf(ofWal);
  const syncs = ofWal.filter(({ name }) => name === "fsync" || name === "fdatasync");
  const ids: string[] = [];
  const faults: string[] = [];
  for (const { began, text } of answersOf(calls)) {
    const [, id] = /"id":"(evt_\w+)"/.exec(text) ?? [];
    if (id === undefined) {
      faults.push(`an answer 200 names no event: ${text}`);
      continue;
    }
    ids.push(id);
    const commit = commits.find(({ pages }) => pages.some((page) => page.includes(id)));
    if (commit === undefined) {
      faults.push(`${id}: no transaction in the WAL has it`);
    } else if (commit.ended >= began) {
      faults.push(`${id}: answered before its transaction was written`);
    } else {
      const after = syncs.filter((sync) => sync.began > commit.ended && sync.ended < began);
      if (after.some(({ result }) => result === 0)) continue;
      faults.push(
        `${id}: ${after.length === 0 ? "no sync" : "only a failed sync"} before its answer`,
      );
    }
  }
  return { ids, syncs: syncs.length, faults };
}

/**
 * SQLite writes a frame as its header and then its page; the header of a transaction's last one has
 * the size of the database: https://www.sqlite.org/fileformat.html#the_write_ahead_log
 */
function commitsOf(ofWal: readonly SystemCall[]): Commit[] {
  const written = ofWal.filter(({ data, result }) => data !== "" && result === data.length);
  const commits: Commit[] = [];
  let pages: string[] = [];
  let last = false;
  for (const { data, ended } of written.toSorted((one, other) => one.began - other.began)) {
    if (data.length === frameHeaderBytes) {
      last = data.slice(4, 8) !== "\0\0\0\0";
      continue;
    }
    pages.push(data);
    if (!last) continue;
    commits.push({ pages, ended });
    pages = [];
    last = false;
  }
  return commits;
}

/** The answers 200, each of which may be written in parts. */
function answersOf(calls: readonly SystemCall[]): Answer[] {
  const answers: { readonly began: number; readonly path: string; text: string }[] = [];
  for (const { path, data, began } of calls.toSorted((one, other) => one.began - other.began)) {
    if (!path.startsWith("socket:")) continue;
    const [more = "", ...begun] = data.split(/(?=HTTP\/1\.1 \d{3} )/);
    const isBegun = more.startsWith("HTTP/1.1 ");
    const unfinished = answers.findLast((answer) => answer.path === path);
    if (unfinished !== undefined && !isBegun) unfinished.text += more;
    for (const text of isBegun ? [more, ...begun] : begun) answers.push({ began, path, text });
  }
  return answers.filter(({ text }) => text.startsWith("HTTP/1.1 200 "));
}
