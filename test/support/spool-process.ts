// A process of its own with a spool, run by a test. `<primary> <spool> accept` stores event after
// event while the storage is down, until it is killed. `<primary> <spool> move [ahead]` moves what is
// left, with the spool's clock so many milliseconds ahead, and ends. `<primary> <spool> leave` stores
// one event while the storage is down, and leaves it there. All print what they did.
import process from "node:process";
import { withSpool } from "../../src/storage/spool.ts";
import { sqliteStorage } from "../../src/storage/sqlite.ts";
import { newEvent } from "./new-event.ts";

const [primaryFile = "", spoolFile = "", task, ahead = "0"] = process.argv.slice(2);
const primary = sqliteStorage(primaryFile);
let moved = 0;
const storage = withSpool(
  {
    ...primary,
    async accept(event) {
      if (task !== "move") throw new Error("down");
      const acceptance = await primary.accept(event);
      console.log(`moved ${++moved}`);
      return acceptance;
    },
  },
  sqliteStorage(spoolFile, { now: () => Date.now() + Number(ahead) }),
);

for (let count = 1; task === "accept"; count++) {
  const { id } = await storage.accept(await newEvent());
  console.log(`accepted ${id}`);
  if (count === 300) console.log("enough");
}
if (task === "leave") console.log(`accepted ${(await storage.accept(await newEvent())).id}`);
while (task === "move" && (await storage.ping())?.spooling) {
  await new Promise((resolve) => setTimeout(resolve, 20));
}
if (task === "move") await storage.close();
