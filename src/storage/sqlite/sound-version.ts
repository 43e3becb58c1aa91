/**
 * The first version of SQLite without the WAL-reset bug, by which writers at the same moment may, very
 * rarely, damage a file. https://www.sqlite.org/wal.html#walresetbug
 */
export const firstSound = "3.51.3";

/** Whether a version of SQLite is that one, or a later one. */
export function isSound(version: string): boolean {
  const parts = version.split(".").map(Number);
  const sound = firstSound.split(".").map(Number);
  const differing = sound.findIndex((part, index) => part !== parts[index]);
  return differing === -1 || (parts[differing] ?? 0) > (sound[differing] ?? 0);
}
