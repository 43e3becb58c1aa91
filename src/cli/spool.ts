import type { Storage } from "../storage/storage.ts";
import { missingStorage, openExisting } from "./storage.ts";

/** How many events wait in a spool; none where it is yet to be made. */
export async function countSpooled(spool: string | Storage): Promise<number> {
  if (typeof spool === "string" && missingStorage(spool) !== undefined) return 0;
  const opened = await openExisting(spool);
  try {
    const { pending, running } = (await opened.stats()).deliveries;
    return pending + running;
  } finally {
    await opened.close().catch(() => {});
  }
}
