/** Which storage a URL names. */
export type StorageLocation =
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "memory" };

/**
 * Reads a storage URL: `sqlite:<path>` or `memory:`.
 *
 * @returns Undefined for anything else.
 */
export function parseStorageUrl(url: string): StorageLocation | undefined {
  if (url === "memory:") return { kind: "memory" };
  const path = /^sqlite:(?:\/\/(?=\/))?(.+)$/s.exec(url)?.[1];
  return path === undefined ? undefined : { kind: "sqlite", path };
}

/** What a storage URL must be. It does not say what came: a URL may hold a password. */
export const expectedStorageUrl = "expected sqlite:<path> or memory:";
