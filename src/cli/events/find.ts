import type { Storage, StoredEvent } from "../../storage/storage.ts";
import { commandName } from "../command-name.ts";
import { ExpectedError } from "../expected-error.ts";
import { visible } from "../../visible.ts";

/** The event of an id, which must be there. */
export async function findEvent(storage: Storage, id: string): Promise<StoredEvent> {
  const event = await storage.get(id);
  if (event !== undefined) return event;
  throw new ExpectedError(
    1,
    `There is no event ${visible(id)}: \`${commandName} events list\` prints those there are.`,
  );
}
