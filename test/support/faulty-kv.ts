import type { DenoKv, DenoKvAtomic } from "imggo-webhooks/storage/deno-kv";

type Commit = ReturnType<DenoKvAtomic["commit"]>;

/**
 * A Deno KV whose commits go wrong as a test says.
 *
 * @param onCommit Gets what commits. It may leave it, or throw before or after it.
 */
export function faultyKv(kv: DenoKv, onCommit: (commit: () => Commit) => Commit): DenoKv {
  return {
    getMany: (keys) => kv.getMany(keys),
    list: (selector, options) => kv.list(selector, options),
    commitVersionstamp: () => kv.commitVersionstamp(),
    atomic() {
      const real = kv.atomic();
      const atomic: DenoKvAtomic = {
        check: (...checks) => (real.check(...checks), atomic),
        set: (key, value) => (real.set(key, value), atomic),
        delete: (key) => (real.delete(key), atomic),
        sum: (key, n) => (real.sum(key, n), atomic),
        commit: () => onCommit(() => real.commit()),
      };
      return atomic;
    },
  };
}
