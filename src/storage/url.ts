/** Which storage a URL names. */
export type StorageLocation =
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "postgres"; readonly url: string }
  /** Without a path it is the one that the platform brings, or that Deno keeps for a script. */
  | { readonly kind: "kv"; readonly path: string | undefined }
  | { readonly kind: "memory" };

/**
 * Reads a storage URL: `sqlite:<path>`, `postgres://…`, `kv:`, `kv:<path>` or `memory:`.
 *
 * @returns Undefined for anything else.
 */
export function parseStorageUrl(url: string): StorageLocation | undefined {
  if (url === "memory:") return { kind: "memory" };
  if (/^postgres(?:ql)?:\/\//.test(url)) {
    return URL.canParse(url) ? { kind: "postgres", url } : undefined;
  }
  const [, kind, path] = /^(sqlite|kv):(?:\/\/(?=\/))?(.*)$/s.exec(url) ?? [];
  if (kind === "kv") return { kind, path: path || undefined };
  return kind === "sqlite" && path ? { kind, path } : undefined;
}

/** What a storage URL must be. It does not say what came: a URL may hold a password. */
export const expectedStorageUrl =
  "expected sqlite:<path>, postgres://<user>:<password>@<host>/<database>, kv:, kv:<path> or memory:";
