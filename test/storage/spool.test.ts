import { withSpool } from "imggo-webhooks/storage/spool";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeStorage, testClock } from "./contract.ts";

describeStorage("withSpool() of a healthy storage", {
  async create() {
    const clock = testClock();
    const folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
    return {
      open: () =>
        withSpool(
          sqliteStorage(join(folder, "events.db"), clock),
          sqliteStorage(join(folder, "spool.db"), clock),
        ),
      advance: clock.advance,
      dispose: () => rm(folder, { recursive: true }),
    };
  },
});

describeStorage("withSpool() of a healthy storage in memory", {
  create() {
    const clock = testClock();
    return {
      open: () => withSpool(memoryStorage(clock), memoryStorage(clock)),
      advance: clock.advance,
      dispose() {},
    };
  },
  divergences: { sharedData: "what it keeps is the object's own and ends with it" },
});
