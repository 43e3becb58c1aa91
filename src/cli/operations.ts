import process from "node:process";
import { type Command, Option } from "commander";
import { createOperations } from "../operations/on-storage.ts";
import { OperationError, type Operations } from "../operations/operations.ts";
import { operationsOverHttp } from "../operations/over-http.ts";
import { readRequest } from "../operations/request-schemas.ts";
import type { Requests } from "../operations/requests.ts";
import { serverUrlProblem } from "../operations/server.ts";
import { readSettings } from "../settings.ts";
import { addConfigOption } from "./config-option.ts";
import { withDevSecret } from "./dev-session.ts";
import { ExpectedError } from "./expected-error.ts";
import { tell } from "./progress.ts";
import { quietReceiver } from "./receiver.ts";
import { serverToken } from "./server-token.ts";
import { countSpooled } from "./spool.ts";
import { type OpenStorage, type StorageFlags, withStorage } from "./storage.ts";

/** The flags of every verb that operates on a storage or on a running receiver. */
export interface OperationsFlags extends StorageFlags {
  readonly server?: string;
}

/** Lets a verb work on the storage of the settings, or on a running receiver. */
export function addOperationsOptions(command: Command): Command {
  return addConfigOption(command).addOption(
    new Option("--server <url>", "work on this running receiver; takes its ADMIN_TOKEN")
      .conflicts("config"),
  );
}

/** What else an operation needs of the settings. */
export interface OperationsNeeds {
  /** The secrets, to verify signatures with. */
  readonly secrets?: true;
}

/**
 * Operates on the running receiver that is named, else on the storage of the settings in the
 * environment and the configuration, which is closed in the end.
 */
export async function withOperations<T>(
  flags: OperationsFlags,
  work: (operations: Operations) => Promise<T>,
  needs: OperationsNeeds = {},
): Promise<T> {
  try {
    if (flags.server !== undefined) return await work(ofServer(flags.server, flags.json));
    return await withStorage(flags, async (open) => {
      const secrets = needs.secrets
        ? readSettings(process.env, withDevSecret(open.config)).secrets
        : undefined;
      return await work(onStorage(open, secrets));
    });
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    const { code, message, issues } = error;
    const isWrongUse = code === "invalid_request";
    const text = isWrongUse && issues.length > 0 ? textOf(issues) : message;
    throw new ExpectedError(isWrongUse ? 2 : 1, text, { cause: error });
  }
}

/**
 * A request for an operation, checked.
 *
 * @throws {ExpectedError} where its form is wrong.
 */
export function requestFor<Name extends keyof Requests>(
  name: Name,
  input: object,
): Requests[Name] {
  const read = readRequest(name, input);
  if ("request" in read) return read.request;
  throw new ExpectedError(2, textOf(read.issues));
}

/** What is wrong with a request, in the names that its fields have here. */
function textOf(issues: OperationError["issues"]): string {
  const nameOf = (field: string) => field.replace(/_(?:id|s)$/, "").replaceAll("_", "-");
  return issues.map(({ path, message }) => `${nameOf(path)}: ${message}`).join("\n");
}

/** As a server of the same settings does it, but for the processing. */
function onStorage(open: OpenStorage, secrets: readonly string[] | undefined): Operations {
  const { storage, processors, spool } = open;
  // Made where it is needed: what just looks on takes no more than a storage.
  const receiver = () => quietReceiver(open, { ...(secrets && { secrets }) });
  const operations = createOperations({
    storage,
    processors: Object.keys(processors),
    role: "receiver",
    expect: (jobId, options) => receiver().expect(jobId, options),
    reverify: (options) => receiver().reverify(options),
    drain: (options) => receiver().drain(options),
    workSoon() {},
  });
  if (spool === undefined) return operations;
  return {
    ...operations,
    stats: async () => ({ ...await operations.stats(), spooled: await countSpooled(spool) }),
  };
}

function ofServer(url: string, json: true | undefined): Operations {
  // The URL itself is not repeated: it may hold a password.
  const problem = serverUrlProblem(url);
  if (problem !== undefined) throw new ExpectedError(2, `--server: ${problem}.`);
  return operationsOverHttp({
    url,
    token: serverToken(url),
    onWait: (waitMs) => tell(json, `The server is busy: on again in ${waitMs / 1_000} s…`),
  });
}
