import type { NewEvent, Storage } from "../../src/storage/storage.ts";
import { decideFate, type Outage, type StorageFaults } from "./faults.ts";
import type { Process } from "./process.ts";
import type { World } from "./world.ts";

/** What survives the processes. */
export interface Disk {
  readonly name: string;
  readonly storage: Storage;
  /** Whether calls are done by the process itself: they end with it, and stop with it. */
  readonly isLocal: boolean;
  readonly faults: StorageFaults;
  readonly outages: readonly Outage[];
  /** Is told of each call that was done. */
  readonly committed: (
    process: Process,
    call: string,
    values: readonly unknown[],
    result: unknown,
  ) => void;
}

type Method = (...values: unknown[]) => Promise<unknown>;

/**
 * One process's connection to a storage: every call takes its time, may fail in every way, and is
 * cut off when the process is killed, before its commit or after it.
 */
export function connect(disk: Disk, process: Process, world: World): Storage {
  const wrapAll = (target: object, prefix: string): object =>
    Object.fromEntries(
      Object.entries(target).map(([name, value]) => [
        name,
        typeof value === "function"
          ? wrap(`${prefix}${name}`, value as Method)
          : wrapAll(value, `${name}.`),
      ]),
    );

  const wrap = (call: string, method: Method): Method => (...values) => {
    if (call === "close") return Promise.resolve();
    const { schedule, random } = world;
    const never = new Promise<never>(() => {});
    if (!process.alive) return never;
    const { faults, outages } = disk;
    const machine = process.machine.index;
    const fate = decideFate(call, { world, faults, outages, machine });
    const say = (what: string) =>
      world.log(process.name, () => `${disk.name} ${describe(call, values)}: ${what}`);
    if (fate.throws) {
      say("throws");
      throw fate.error;
    }
    const sent = values.map(copyOf);
    return new Promise((resolve, reject) => {
      const underWay = { isLocal: disk.isLocal, isCut: false };
      process.underWay.add(underWay);
      const answer = (settle: () => void) => {
        if (fate.answerAfterMs !== undefined) schedule.after(fate.answerAfterMs, process, settle);
      };
      const commit = () => {
        process.underWay.delete(underWay);
        if (underWay.isCut) return say("cut off");
        if (fate.kill === "before") {
          say("killed before the commit");
          return process.kill();
        }
        // What a storage itself waits for is no part of the process.
        if (disk.isLocal) schedule.after(0, undefined, perform);
        else void perform();
      };
      const perform = async () => {
        try {
          const result = await method(...sent);
          disk.committed(process, call, sent, result);
          const lost = fate.answerAfterMs === undefined ? ", but not answered" : "";
          say(fate.error ? `done, but answered ${fate.error.message}` : `done${lost}`);
          if (fate.stopForMs !== undefined) process.stopFor(fate.stopForMs);
          if (fate.kill === "after") process.kill();
          else answer(() => fate.error ? reject(fate.error) : resolve(result));
        } catch (error) {
          say(`failed: ${error}`);
          answer(() => reject(error));
        }
      };
      if (fate.commitAfterMs === undefined) {
        say(fate.error ? fate.error.message : "no answer");
        process.underWay.delete(underWay);
        return answer(() => reject(fate.error));
      }
      schedule.after(fate.commitAfterMs, disk.isLocal ? process : undefined, commit);
      const signal = values.find((value) => value instanceof AbortSignal);
      signal?.addEventListener("abort", () => {
        // What waits for a lock or a connection goes; what was sent may still be done.
        if (!process.underWay.has(underWay) || random.chance(0.5)) return;
        world.hit("storage wait ended");
        underWay.isCut = random.chance(0.5);
        answer(() => reject(signal.reason));
      });
    });
  };

  return wrapAll(disk.storage, "") as Storage;
}

/** As it is sent, whatever becomes of it later. */
function copyOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("body" in value)) return value;
  const event = value as NewEvent;
  return { ...event, body: event.body.slice() };
}

function describe(call: string, values: readonly unknown[]): string {
  const [first] = values as [Record<string, unknown> | string | undefined];
  if (typeof first !== "object") return `${call}(${first ?? ""})`;
  const named = ["id", "key", "eventId", "processor", "fence", "jobId"]
    .flatMap((name) => name in first ? [`${first[name]}`] : []);
  const outcome = (values[1] as { kind?: string } | undefined)?.kind;
  return `${call}(${[...named, ...(outcome ? [outcome] : [])].join(" ")})`;
}
