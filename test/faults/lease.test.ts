import { expect, test } from "vitest";
import { newFaultFolder, postJob } from "../support/fault-server.ts";
import { listeningUrl, type Process } from "../support/process.ts";

const leaseMs = 1_500;
const pollMs = 100;

// The first attempt of a job ends when it is aborted, and takes that for a success.
const config = `export default {
  worker: { leaseMs: ${leaseMs}, pollMs: ${pollMs} },
  processors: {
    async held({ data: { job_id: job } }, { attempt, signal, log }) {
      log.info("begun " + job);
      if (attempt > 1) return;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      log.info("aborted " + job, { reason: signal.reason.name });
    },
  },
};`;

/** Two servers over one file, of which either may get a delivery. */
async function startTwo() {
  const folder = await newFaultFolder(config);
  const servers = [folder.start(), folder.start()] as const;
  const [url = ""] = await Promise.all(servers.map(listeningUrl));
  /** Sends a job; who holds it then, and who does not. */
  const give = async (job: string) => {
    expect((await postJob(url, job)).status).toBe(200);
    const begun = new RegExp(`"begun ${job}","id":"[^"]+","processor":"held","attempt":1`);
    return await Promise.race(
      servers.map(async (holder, index) => {
        await holder.prints(begun);
        return { holder, other: servers[1 - index] as Process };
      }),
    );
  };
  return { ...folder, give };
}

const again = (job: string) => new RegExp(`"begun ${job}"[^\\n]*"attempt":2`);

test("lease lost while running: after SIGSTOP past it and SIGCONT the old holder is told, and changes nothing", async () => {
  const { give, stored } = await startTwo();
  const { holder, other } = await give("stopped");
  holder.child.kill("SIGSTOP");
  await other.prints(again("stopped"));
  await other.prints(/"delivery succeeded"[^\n]*"attempt":2/);
  expect(holder.output()).not.toContain("aborted stopped");
  const before = await stored();
  expect(before.get("stopped")).toMatchObject({
    deliveries: [{ state: "succeeded", attempts: 2 }],
  });

  holder.child.kill("SIGCONT");
  await holder.prints(/"aborted stopped"[^\n]*"reason":"LeaseLostError"/);
  await holder.prints(/"lease lost, or the outcome was recorded before"/);
  expect(await stored()).toEqual(before);
});

test("kill while processing: another process runs it again within lease + poll", async () => {
  const { give, stored } = await startTwo();
  const { holder, other } = await give("killed");
  const killedAt = performance.now();
  await holder.end("SIGKILL");
  await other.prints(again("killed"));
  // The rest is for the claim itself, where everything runs at once.
  expect(performance.now() - killedAt).toBeLessThan(leaseMs + pollMs + 1_000);
  await other.prints(/"delivery succeeded"[^\n]*"attempt":2/);
  expect((await stored()).get("killed"))
    .toMatchObject({ deliveries: [{ state: "succeeded", attempts: 2 }] });
});
