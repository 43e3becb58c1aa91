import { OperationError } from "../../operations/operations.ts";
import { commandName } from "../command-name.ts";
import { ExpectedError } from "../expected-error.ts";
import { withProgress } from "../progress.ts";
import { visible } from "../../visible.ts";

/** The outcome of an operation on one event, which must be there. */
export async function ofEvent<T>(
  id: string,
  json: boolean | undefined,
  operation: Promise<T>,
): Promise<T> {
  try {
    return await withProgress(json, "Looking for the event…", operation);
  } catch (error) {
    if (!(error instanceof OperationError) || error.code !== "unknown_event") throw error;
    throw new ExpectedError(
      1,
      `There is no event ${visible(id)}: \`${commandName} events list\` prints those there are.`,
      { cause: error },
    );
  }
}
