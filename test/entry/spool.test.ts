import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test } from "vitest";
import { readAnswer } from "../support/answer.ts";
import { listeningUrl, type Process, root, runtimes, startProcess } from "../support/process.ts";
import { newFile } from "../support/spool-under-test.ts";
import { secret, signedRequest } from "../support/signed-request.ts";
import { nested, sampleJob } from "../support/wire.ts";

async function newFolder(): Promise<string> {
  return dirname(await newFile());
}

function start(
  name: keyof typeof runtimes,
  cwd: string,
  env: Record<string, string> = {},
): Process {
  const child = startProcess([...runtimes[name], `${root}src/entry/${name}.ts`], {
    cwd,
    env: {
      WEBHOOK_SECRET: secret,
      HOST: "127.0.0.1",
      PORT: "0",
      STORAGE_URL: "sqlite:./events.db",
      SPOOL_URL: "sqlite:./spool.db",
      ...env,
    },
  });
  onTestFinished(async () => void await child.end("SIGKILL"));
  return child;
}

async function send(url: string, job: string) {
  const payload = nested.succeeded({ ...sampleJob, job_id: job });
  return await readAnswer(await fetch(await signedRequest(payload, { url })));
}

/** Holds a file's write lock, as a process does that hangs, until it is closed. */
function lock(file: string): DatabaseSync {
  const database = new DatabaseSync(file);
  database.exec("PRAGMA busy_timeout = 5000; BEGIN EXCLUSIVE");
  return database;
}

const readyz = async (url: string) => await readAnswer(await fetch(new URL("/readyz", url)));

for (const name of Object.keys(runtimes) as (keyof typeof runtimes)[]) {
  describe(`the ${name} entry with SPOOL_URL`, () => {
    test(
      "answers 200 while another process holds its storage, and moves it all after that",
      async () => {
        const cwd = await newFolder();
        const child = start(name, cwd);
        const url = await listeningUrl(child);
        const ids = [(await send(url, "before")).body["id"]];
        await child.prints(/"delivery succeeded"/);

        const holder = lock(join(cwd, "events.db"));
        const startedAt = performance.now();
        const answers = await Promise.all(
          Array.from({ length: 20 }, (_, job) => send(url, `during-${job}`)),
        );
        expect(performance.now() - startedAt).toBeLessThan(5_000);
        for (const { status, body } of answers) {
          expect([status, body["status"]]).toEqual([200, "received"]);
          ids.push(body["id"]);
        }
        expect(await readyz(url)).toMatchObject({ status: 200, body: { spooling: true } });
        holder.close();

        await child.prints(/"the storage is back[^\n]*"moved":20/);
        await child.prints(/"delivery succeeded"/, 21);
        expect((await readyz(url)).body).toEqual({ status: "ready" });
        expect(await child.end("SIGTERM")).toBe(0);
        const storage = sqliteStorage(join(cwd, "events.db"));
        const { events } = await storage.list({ limit: 100 });
        await storage.close();
        expect(events.map(({ id }) => id).sort()).toEqual(ids.sort());
        for (const event of events) {
          expect(event).toMatchObject({ deliveries: [{ state: "succeeded", attempts: 1 }] });
        }
      },
      40_000,
    );
  });
}

describe("the node entry with SPOOL_URL, at its start", () => {
  test(
    "starts while the storage is held, spools, and stops in time; a worker moves it",
    async () => {
      const cwd = await newFolder();
      // Before there are any tables, so that not even a ping is answered.
      const holder = lock(join(cwd, "events.db"));
      const receiver = start("node", cwd, { ROLE: "receiver" });
      const url = await listeningUrl(receiver);
      expect(receiver.output()).toMatch(/"level":"error"[^\n]*the storage does not answer/);
      expect(await send(url, "early")).toMatchObject({ status: 200, body: { status: "received" } });
      expect(await readyz(url)).toMatchObject({ status: 200, body: { spooling: true } });
      const stoppedAt = performance.now();
      expect(await receiver.end("SIGTERM")).toBe(0);
      expect(performance.now() - stoppedAt).toBeLessThan(5_000);
      expect(receiver.output()).not.toContain("was not closed");
      holder.close();

      const worker = start("node", cwd, { ROLE: "worker" });
      await worker.prints(/"events were left in the spool/);
      await worker.prints(/"delivery succeeded"/);
      expect(await worker.end("SIGTERM")).toBe(0);
    },
    40_000,
  );

  const ends: Record<string, readonly [code: number, sentence: RegExp, env: object]> = {
    "a storage of something else": [1, /something else/, { STORAGE_URL: "sqlite:./other.db" }],
    "a damaged storage": [1, /damaged/, { STORAGE_URL: "sqlite:./damaged.db" }],
    "a spool that cannot be opened": [1, /no-such-folder/, {
      SPOOL_URL: "sqlite:./no-such-folder/x",
    }],
    "the events of a storage in the spool": [1, /a place of its own/, {
      SPOOL_URL: "sqlite:./used.db",
    }],
    "a link to the storage as the spool": [2, /SPOOL_URL: expected another/, {
      STORAGE_URL: "sqlite:./used.db",
      SPOOL_URL: "sqlite:./link.db",
    }],
  };
  for (const [what, [code, sentence, env]] of Object.entries(ends)) {
    test(`ends with ${code} and a sentence where it finds ${what}`, async () => {
      const cwd = await newFolder();
      const other = new DatabaseSync(join(cwd, "other.db"));
      other.exec("CREATE TABLE other (id)");
      other.close();
      await writeFile(join(cwd, "damaged.db"), "x".repeat(10_000));
      const used = start("node", cwd, { STORAGE_URL: "sqlite:./used.db" });
      await send(await listeningUrl(used), "used");
      expect(await used.end("SIGTERM")).toBe(0);
      await symlink("used.db", join(cwd, "link.db"));

      const child = start("node", cwd, { ...env });
      expect(await child.ended).toBe(code);
      expect(child.output()).toMatch(sentence);
      expect(child.output()).not.toContain("listening");
      expect(child.output()).not.toMatch(/^\s+at /m);
    });
  }
});
