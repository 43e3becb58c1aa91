// The system calls of the real servers, traced: what a 200 promises is on the disk before it is sent.
import { mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { sign } from "imggo-webhooks";
import { expect, onTestFinished, test } from "vitest";
import { listeningUrl, root, runtimes, startProcess } from "../support/process.ts";
import type { SystemCall } from "../support/system-calls/system-call.ts";
import { checkAnswers } from "./check-answers.ts";

const secret = "a secret of 25 characters";
const inTurn = 10;
const atOnce = 64;

test.each(Object.entries(runtimes))(
  "a %s server answers 200 after a sync of the WAL that began after the event was written",
  async (name, command) => {
    const cwd = await realpath(await mkdtemp(join(tmpdir(), "imggo-webhooks-")));
    onTestFinished(() => rm(cwd, { recursive: true }));
    const tracer = [...runtimes.bun, `${root}test/support/system-calls/trace.ts`];
    const server = startProcess(
      [...tracer, join(cwd, "trace"), ...command, `${root}src/entry/${name}.ts`],
      { cwd, env: { WEBHOOK_SECRET: secret, HOST: "127.0.0.1", PORT: "0" } },
    );
    const url = await listeningUrl(server);

    const send = async (job: number) => {
      const body = `{"event":"job.completed","job_id":"job-${job}","result":${job}}`;
      const headers = { "X-ImgGo-Signature": await sign(body, secret) };
      const response = await fetch(url, { method: "POST", headers, body });
      expect(response.status).toBe(200);
      return (await response.json() as { id: string }).id;
    };
    const sent: string[] = [];
    for (let job = 0; job < inTurn; job++) sent.push(await send(job));
    sent.push(...await Promise.all(Array.from({ length: atOnce }, (_, job) => send(inTurn + job))));
    // What listens is the tracer's child.
    const [, pid] = await server.prints(/"message":"listening".*"pid":(\d+)/);
    process.kill(Number(pid), "SIGTERM");
    expect(await server.ended, server.output()).toBe(0);

    const lines = (await readFile(join(cwd, "trace"), "utf8")).trim().split("\n");
    const calls = lines.map((line): SystemCall => JSON.parse(line));
    const { ids, syncs, faults } = checkAnswers(calls, join(cwd, "imggo-webhooks.db-wal"));
    expect(faults).toEqual([]);
    expect(ids.toSorted()).toEqual(sent.toSorted());
    expect(syncs).toBeGreaterThan(inTurn);
  },
);
