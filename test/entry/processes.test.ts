import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sign } from "imggo-webhooks";
import { listeningUrl, root, runtimes, startProcess } from "../support/process.ts";
import { adminToken, expectNoAdmin } from "./admin-contract.ts";
import { describeEntry, secret } from "./contract.ts";

const straying = `export default {
  processors: {
    stray({ data }) {
      if (data.job_id === "rejected") void Promise.reject(new Error("a rejected promise"));
      if (data.job_id === "thrown") setTimeout(() => { throw new Error("in a timer"); });
    },
  },
};`;

/** The body of a job's success, and its signature. */
async function signed(jobId: string) {
  const body = JSON.stringify({ event: "job.completed", job_id: jobId, result: 1 });
  return { body, headers: { "X-ImgGo-Signature": await sign(body, secret) } };
}

/** Posts by an agent that keeps its connections; the answer, once it is whole. */
function postBy(
  agent: Agent,
  url: string,
  { body, headers }: Awaited<ReturnType<typeof signed>>,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request(url, { method: "POST", agent, headers }, (response) => {
      response.resume().on("end", () => resolve(response));
    }).on("error", reject).end(body);
  });
}

for (const [name, command] of Object.entries(runtimes)) {
  const entry = [...command, `${root}src/entry/${name}.ts`];

  const start = async (env: Record<string, string>, config?: string) => {
    const cwd = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
    if (config !== undefined) await writeFile(join(cwd, "imggo.config.mjs"), config);
    const child = startProcess(entry, { cwd, env: { HOST: "127.0.0.1", PORT: "0", ...env } });
    const remove = () => rm(cwd, { recursive: true });
    return { child, remove };
  };

  const storages = ["sqlite:./events.db", ...(name === "deno" ? ["kv:./events.kv"] : [])];
  for (const STORAGE_URL of storages) {
    describeEntry(`the ${name} entry with ${STORAGE_URL}`, async (forwardUrl) => {
      const { child, remove } = await start({
        WEBHOOK_SECRET: secret,
        ADMIN_TOKEN: adminToken,
        STORAGE_URL,
        FORWARD_URL: forwardUrl,
        FORWARD_SECRET: secret,
        FORWARD_ALLOW_PRIVATE: "true",
        LOG_LEVEL: "debug",
      });
      return {
        url: await listeningUrl(child),
        hasAdmin: true,
        output: child.output,
        async stop() {
          expect(await child.end("SIGTERM")).toBe(0);
          await remove();
        },
      };
    });
  }

  describe(`the ${name} entry as a process`, () => {
    test.each(["SIGTERM", "SIGINT"] as const)("%s ends it cleanly, within 5 s", async (signal) => {
      const { child, remove } = await start({ WEBHOOK_SECRET: secret });
      const url = await listeningUrl(child);
      const body = '{"event":"job.completed","job_id":"j-1","result":1}';
      const headers = { "X-ImgGo-Signature": await sign(body, secret) };
      const response = await fetch(url, { method: "POST", headers, body });
      expect(response.status).toBe(200);
      await expectNoAdmin(url);
      const startedAt = performance.now();
      expect(await child.end(signal)).toBe(0);
      expect(performance.now() - startedAt).toBeLessThan(5_000);
      expect(child.output()).toContain('"message":"stopped"');
      await remove();
    });

    // A storage of the user's own, whose calls take as long as the test says.
    const slowStorage = (calls: string) =>
      `const forever = () => new Promise(() => setInterval(() => {}, 1_000));
      export default {
        storage: {
          ping: () => {}, claim: () => ({ claims: [], exhausted: [] }), accept() {}, close() {},
          ${calls},
        },
      };`;

    test("ends within 5 s where its storage never closes", async () => {
      const { child, remove } = await start(
        { WEBHOOK_SECRET: secret },
        slowStorage("close: forever"),
      );
      await listeningUrl(child);
      const startedAt = performance.now();
      expect(await child.end("SIGTERM")).toBe(0);
      expect(performance.now() - startedAt).toBeLessThan(5_000);
      expect(child.output()).toContain('"message":"the storage was not closed"');
      await remove();
    });

    test("a signal ends it while it starts", async () => {
      const { child, remove } = await start(
        { WEBHOOK_SECRET: secret },
        slowStorage('ping: () => (console.log("starting"), forever())'),
      );
      await child.prints(/starting/);
      expect(await child.end("SIGTERM")).toBe(0);
      expect(child.output()).not.toContain("listening");
      await remove();
    });

    test.each([
      ["no secret", {}, /WEBHOOK_SECRET: expected the secret/],
      ["a short one", { WEBHOOK_SECRET: "only-15-letters" }, /at least 16 characters, got 15/],
      [
        "several bad settings",
        { WEBHOOK_SECRET: "short", PORT: "http", ROLE: "boss" },
        /WEBHOOK_SECRET: [\s\S]*ROLE: [\s\S]*PORT: /,
      ],
    ])("ends with 2 and says what is wanted: %s", async (_, env, expected) => {
      const { child, remove } = await start(env);
      expect(await child.ended).toBe(2);
      expect(child.output()).toMatch(expected);
      expect(child.output()).not.toContain("only-15-letters");
      await remove();
    });

    test("lives on where a processor throws outside of its promise", async () => {
      const { child, remove } = await start({ WEBHOOK_SECRET: secret }, straying);
      const url = await listeningUrl(child);
      const send = async (jobId: string) =>
        (await fetch(url, { method: "POST", ...await signed(jobId) })).status;
      expect(await send("rejected")).toBe(200);
      await child.prints(/"thrown outside of a processor's promise[^\n]*a rejected promise/);
      expect(await send("thrown")).toBe(200);
      await child.prints(/"thrown outside of a processor's promise[^\n]*in a timer/);
      expect(await send("another")).toBe(200);
      await child.prints(/"delivery succeeded"/, 3);
      expect(await child.end("SIGTERM")).toBe(0);
      await remove();
    });

    test("tells clients that keep their connection, once it stops, to come no more", async () => {
      const { child, remove } = await start({ WEBHOOK_SECRET: secret });
      const url = await listeningUrl(child);
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      expect((await postBy(agent, url, await signed("before"))).headers.connection)
        .not.toBe("close");
      child.child.kill("SIGTERM");
      await child.prints(/"message":"stopping"/);
      const answer = await postBy(agent, url, await signed("after"));
      expect(answer.statusCode).toBe(200);
      expect(answer.headers.connection).toBe("close");
      expect(await child.ended).toBe(0);
      agent.destroy();
      await remove();
    });

    test("ends with 2 where FORWARD_URL stands beside a processor named forward", async () => {
      const { child, remove } = await start(
        { WEBHOOK_SECRET: secret, FORWARD_URL: "https://example.com/hook" },
        "export default { processors: { forward() {} } };",
      );
      expect(await child.ended).toBe(2);
      expect(child.output()).toMatch(/^ *FORWARD_URL: expected no processor named forward/m);
      expect(child.output()).not.toMatch(/^\s+at /m);
      await remove();
    });

    const unusable: readonly (readonly [STORAGE_URL: string, expected: RegExp])[] = [
      ["sqlite:./no-such-folder/x.db", /no-such-folder.*folder that is there/],
      name === "deno"
        ? ["kv:./no-such-folder/x.kv", /no-such-folder.*folder that is there/]
        : ["kv:", /Deno KV needs Deno: run src\/entry\/deno\.ts/],
    ];
    test.each(unusable)(
      "ends with 1 and one sentence where %s cannot be opened",
      async (url, text) => {
        const { child, remove } = await start({ WEBHOOK_SECRET: secret, STORAGE_URL: url });
        expect(await child.ended).toBe(1);
        expect(child.output().trim().split("\n")).toHaveLength(1);
        expect(child.output()).toMatch(text);
        await remove();
      },
    );

    // Bun and Deno answer what is no host by themselves.
    if (name !== "node") return;
    test("takes an event whatever the Host header says", async () => {
      const { child, remove } = await start({ WEBHOOK_SECRET: secret });
      const url = await listeningUrl(child);
      const hosts = ["", "a b", "[::1", "a/b", "a@b", "ä", "a:99999", "256.1.1.1", "[:]", "xn--a"];
      const answers: Record<string, string> = {};
      for (const [index, host] of hosts.entries()) {
        const { body, headers } = await signed(`odd host ${index}`);
        const first = await sendTo(url, host, headers, body);
        // A duplicate is one that was stored.
        const second = await sendTo(url, host, headers, body);
        answers[host] = [first, second]
          .map((answer) => /^HTTP\/1\.1 (\d+)[^]*"status":"(\w+)"/.exec(answer)?.slice(1).join(" "))
          .join(", ");
      }
      expect(answers)
        .toEqual(Object.fromEntries(hosts.map((host) => [host, "200 received, 200 duplicate"])));
      expect(await child.end("SIGTERM")).toBe(0);
      await remove();
    });
  });
}

/** Posts with this Host header; what came until the connection was closed. */
function sendTo(
  url: string,
  host: string,
  headers: Record<string, string>,
  body: string,
): Promise<string> {
  const { hostname, port, pathname } = new URL(url);
  const lines = [
    `POST ${pathname} HTTP/1.1`,
    `Host: ${host}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${body.length}`,
    "Connection: close",
  ];
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(Number(port), hostname, () => {
      socket.write(`${lines.join("\r\n")}\r\n\r\n${body}`);
    });
    socket.setEncoding("utf8").on("data", (text: string) => answer += text);
    socket.on("error", reject).on("close", () => resolve(answer));
  });
}
