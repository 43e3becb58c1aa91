import { createHmac } from "node:crypto";
import type { Auditor } from "./auditor.ts";
import { secret } from "./machines.ts";
import type { Machine, Process } from "./process.ts";
import type { Post, Scenario, SimulatedJob } from "./scenario.ts";
import type { Truth } from "./truth.ts";
import type { World } from "./world.ts";

/** Who sends webhooks, and says which jobs are to be expected. */
export interface Sender {
  /** How many webhooks and expectations are not through yet. */
  busy(): number;
}

const answerWithinMs = 5_000;
const notStored = new Set([401, 408, 413, 503]);

export function createSender(
  { scenario, machines, world, truth, auditor }: {
    readonly scenario: Scenario;
    readonly machines: readonly Machine[];
    readonly world: World;
    readonly truth: Truth;
    readonly auditor: Auditor;
  },
): Sender {
  const { random, schedule } = world;
  let busy = 0;

  const route = (): Process | undefined => {
    const ready = machines.flatMap(({ process, role }) =>
      process?.receiver && !process.isEnding && role !== "worker" ? [process] : []
    );
    return ready.length > 0 ? random.pick(ready) : undefined;
  };

  const judge = async (post: Post, body: Uint8Array<ArrayBuffer>, response: Response) => {
    const { status } = response;
    const { id } = await response.json() as { readonly id?: string };
    world.hit(`answer ${status}`);
    if (post.kind === "forged" && status !== 401 && status !== 408) {
      world.broken(`without a signature nothing is taken: answered ${status}`);
    }
    if (notStored.has(status)) return;
    const meaning = truth.meaningOf(body, "webhook");
    if (meaning === undefined || typeof id !== "string" || ![200, 400, 422].includes(status)) {
      return world.broken(`an answer of ${status} to ${post.kind} of ${post.jobId}`);
    }
    await auditor.acknowledged(body, meaning, id);
  };

  /** One request. `done` is told whether the sender saw that it was taken. */
  const request = (post: Post, done: (seen: boolean) => void) => {
    const process = route();
    const what = `${post.kind} of ${post.jobId}`;
    if (process === undefined) {
      schedule.after(10, undefined, () => done(false));
      return;
    }
    let isOver = false;
    const end = (seen: boolean) => {
      if (isOver) return;
      isOver = true;
      done(seen);
    };
    schedule.after(answerWithinMs, undefined, () => end(false));
    schedule.after(random.between(1, 50), process, async () => {
      world.log(process.name, () => `gets ${what}`);
      const body = truth.bodyOf(post);
      const [beganAt, stoppedMs] = [schedule.now(), process.stoppedMs];
      process.requests++;
      const response = await process.receiver!.fetch(requestOf(post, body));
      process.requests--;
      const tookMs = schedule.now() - beganAt - (process.stoppedMs - stoppedMs);
      world.log(process.name, () => `answers ${response.status} to ${what}`);
      if (tookMs > answerWithinMs - 400) {
        world.broken(`an answer within 5 s: ${what} took ${Math.round(tookMs)} ms`);
      }
      const isTaken = response.status !== 503 && response.status !== 408;
      await judge(post, body, response);
      if (!world.calm() && random.chance(scenario.lostAnswers)) return world.hit("answer lost");
      schedule.after(random.between(1, 50), undefined, () => end(isTaken));
    });
  };

  const send = (post: Post, tries: number): void => {
    request(post, (seen) => {
      if (seen || tries === 1) busy--;
      else {
        world.hit("webhook sent again");
        schedule.after(random.between(0, 3_000), undefined, () => send(post, tries - 1));
      }
    });
  };

  const expect = (job: SimulatedJob): void => {
    const process = route();
    let isOver = false;
    const again = () => {
      if (isOver) return;
      isOver = true;
      schedule.after(1_000, undefined, () => expect(job));
    };
    schedule.after(10_000, undefined, again);
    if (process === undefined) return again();
    schedule.after(1, process, async () => {
      try {
        const state = await process.receiver!.expect(job.id, { deadlineMs: job.deadlineMs });
        world.log(process.name, () => `expects ${job.id}: ${state}`);
        if (isOver) return;
        isOver = true;
        busy--;
        auditor.awaited(job.id);
      } catch {
        again();
      }
    });
  };

  for (const post of scenario.posts) {
    busy += post.copies;
    schedule.after(post.atMs, undefined, () => {
      if (post.copies > 1) world.hit("duplicates at once");
      for (let copy = 0; copy < post.copies; copy++) send(post, post.tries);
    });
  }
  for (const job of scenario.jobs) {
    if (job.expectedAtMs === undefined) continue;
    busy++;
    schedule.after(job.expectedAtMs, undefined, () => expect(job));
  }

  return { busy: () => busy };
}

function requestOf({ kind, bodyMs }: Post, bytes: Uint8Array<ArrayBuffer>): Request {
  const signer = kind === "forged" ? "another secret of the simulation" : secret;
  const signature = createHmac("sha256", signer).update(bytes).digest("hex");
  const headers = { "X-ImgGo-Signature": `sha256=${signature}` };
  const body = bodyMs === 0 ? bytes : slowly(bytes, bodyMs);
  const init: RequestInit & { duplex: "half" } = { method: "POST", body, headers, duplex: "half" };
  return new Request("http://simulation/webhook", init);
}

/** A body whose second half comes so much later. */
function slowly(bytes: Uint8Array<ArrayBuffer>, milliseconds: number): ReadableStream<Uint8Array> {
  const middle = bytes.length >> 1;
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes.subarray(0, middle));
      setTimeout(() => {
        try {
          controller.enqueue(bytes.subarray(middle));
          controller.close();
        } catch {
          // The receiver waits for it no longer.
        }
      }, milliseconds);
    },
  });
}
