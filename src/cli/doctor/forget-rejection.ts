import { pause } from "../../deadline.ts";
import type { Storage } from "../../storage/storage.ts";

// A receiver keeps what it refused after its answer.
const keptWithinMs = 1_000;
const pageSize = 100;

/** Takes a refused probe out of what was refused: it is no hint at anything that ImgGo sent. */
export async function forgetRejection(storage: Storage, signature: string): Promise<void> {
  const until = performance.now() + keptWithinMs;
  do {
    const id = await find(storage, signature);
    if (id !== undefined) return await storage.rejections.remove(id);
    await pause(100);
  } while (performance.now() < until);
}

async function find({ rejections }: Storage, signature: string): Promise<string | undefined> {
  let cursor: string | null | undefined;
  while (cursor !== null) {
    const page = await rejections.list({ limit: pageSize, ...(cursor && { cursor }) });
    const found = page.rejections.find((rejection) => rejection.signature === signature);
    if (found !== undefined) return found.id;
    cursor = page.nextCursor;
  }
  return undefined;
}
