import type { Listen } from "../entry/listen/listen.ts";

/** The HTTP server of the runtime that this command runs on. */
export async function currentListen(): Promise<Listen> {
  if ("Deno" in globalThis) return (await import("../entry/listen/deno.ts")).listen;
  if ("Bun" in globalThis) return (await import("../entry/listen/bun.ts")).listen;
  return (await import("../entry/listen/node.ts")).listen;
}
