/** What is left of a file system, in blocks of so many bytes. */
export interface Space {
  readonly bsize: number;
  readonly blocks: number;
  /** Those that are free for this user. */
  readonly bavail: number;
}

// A WAL as long as SQLite lets it become (1,000 pages), and what moving it into the file adds to that.
const reserveBytes = 8 * 1_048_576;

/**
 * Whether a disk has room for another event. The last of it is for what is stored already: claims,
 * their ends and deletions write too, and without them a full disk would never become less full.
 */
export function hasRoom({ bsize, blocks, bavail }: Space): boolean {
  // On a small disk the reserve is half.
  return bavail * bsize >= Math.min(reserveBytes, blocks * bsize / 2);
}
