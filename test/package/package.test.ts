import { decode } from "@jridgewell/sourcemap-codec";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { sign } from "imggo-webhooks";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type InstalledPackage,
  installPackage,
  pathOfRuntimes,
} from "../support/installed-package.ts";
import { listeningUrl, root, runtimes, startProcess } from "../support/process.ts";
import { bundleText, startWorkers } from "../support/workerd.ts";

const run = promisify(execFile);
const secret = "the secret that ImgGo showed once";
const event = '{"event":"job.completed","job_id":"j-1","result":{"total":12.5}}';

let installed: InstalledPackage;
beforeAll(async () => {
  installed = await installPackage();
});
afterAll(() => installed.remove());

/** Runs the package's command where it is installed. */
function startCommand(args: readonly string[], env: Record<string, string> = {}) {
  return startProcess(["npx", "--no-install", "imggo-webhooks", ...args], {
    cwd: installed.folder,
    env: { PATH: pathOfRuntimes, npm_config_loglevel: "silent", ...env },
  });
}

/** Runs it on Node.js, after a piece of code. */
function startPreloaded(code: string, args: readonly string[], env: Record<string, string>) {
  const preload = `data:text/javascript,${encodeURIComponent(code)}`;
  const command = join(installed.folder, "node_modules/.bin/imggo-webhooks");
  return startProcess([...runtimes.node, "--import", preload, command, ...args], {
    cwd: installed.folder,
    env,
  });
}

describe("the tarball", () => {
  test("is smaller than 600 kB unpacked", () => {
    const bytes = [...installed.files.values()].reduce((sum, size) => sum + size, 0);
    expect(bytes).toBeGreaterThan(300_000);
    expect(bytes).toBeLessThan(600_000);
  });

  test("holds what is built and what says what it is, and no source", () => {
    const others = [...installed.files.keys()]
      .filter((path) => !/^dist\/.*(?:\.js|\.js\.map|\.d\.ts)$/.test(path));
    expect(others.sort()).toEqual(["CHANGELOG.md", "LICENSE", "README.md", "package.json"]);
  });

  test("has maps that lead whatever is thrown to the line that throws it", async () => {
    const built = join(installed.folder, "node_modules/imggo-webhooks");
    const sourceOf = (path: string) => readFileSync(join(root, path), "utf8").split("\n");
    const places: string[] = [];
    for (const file of [...installed.files.keys()].filter((path) => path.endsWith(".js.map"))) {
      const { sources, mappings } = JSON.parse(await readFile(join(built, file), "utf8"));
      const lines = (await readFile(join(built, file.replace(".map", "")), "utf8")).split("\n");
      for (const [index, segments] of decode(mappings).entries()) {
        for (const { index: column } of lines[index]?.matchAll(/\bthrow new /g) ?? []) {
          const [, source = -1, line = -1] = segments.findLast(([at]) => at <= column) ?? [];
          places.push(`${sourceOf(sources[source])[line]}`);
        }
      }
    }
    expect(places.length).toBeGreaterThan(50);
    expect(places.filter((line) => !/\bthrow\b/.test(line))).toEqual([]);
  });

  test("brings no more than six packages, each with its reason in the README", async () => {
    const entries = await readdir(join(installed.folder, "node_modules"));
    const names = await Promise.all(
      entries.filter((name) => !name.startsWith(".")).map(async (name) => {
        if (!name.startsWith("@")) return [name];
        const scoped = await readdir(join(installed.folder, "node_modules", name));
        return scoped.map((each) => `${name}/${each}`);
      }),
    );
    const brought = names.flat().filter((name) => name !== "imggo-webhooks");
    expect(brought.sort()).toEqual(Object.keys(installed.manifest.dependencies).sort());
    expect(brought.length).toBeLessThanOrEqual(6);
    const readme = await readFile(join(root, "README.md"), "utf8");
    const peers = Object.keys(installed.manifest.peerDependencies);
    for (const name of [...brought, ...peers]) {
      expect(readme).toMatch(new RegExp(`^\\| \`${name}\`[^|]*\\| [^|]{10,}\\|$`, "m"));
    }
  });
});

describe("the installed package", () => {
  test.each(["node", "bun", "deno"] as const)(
    "has every subpath on %s, and processes what it received",
    async (name) => {
      const command = name === "deno"
        ? [`${root}node_modules/.bin/deno`, "run", "-A"]
        : runtimes[name];
      const used = startProcess([...command, "use.ts"], { cwd: installed.folder, env: {} });
      expect(await used.ended, used.output()).toBe(0);
      const { names, memory, sqlite } = JSON.parse(used.output().trim().split("\n").at(-1) ?? "");
      const { exports } = JSON.parse(await readFile(join(root, "deno.json"), "utf8"));
      const ofSources = Object.entries<string>(exports).map(async ([subpath, source]) =>
        [subpath, Object.keys(await import(/* @vite-ignore */ join(root, source))).sort()] as const
      );
      expect(names).toEqual(Object.fromEntries(await Promise.all(ofSources)));
      expect(memory).toEqual({ status: 200, result: { total: 12.5 } });
      expect(sqlite).toEqual(memory);
    },
  );

  test("has declarations that tsc takes, those of what it depends on included", async () => {
    const compilerOptions = {
      target: "es2024",
      module: "nodenext",
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
      types: [],
      lib: ["es2024", "dom", "dom.iterable", "esnext.disposable"],
    };
    const tsconfig = { compilerOptions, include: ["use.ts", "wrong.ts"] };
    await writeFile(join(installed.folder, "tsconfig.json"), JSON.stringify(tsconfig));
    await writeFile(
      join(installed.folder, "wrong.ts"),
      [
        'import { createReceiver, handlers } from "imggo-webhooks";',
        'import * as v from "valibot";',
        "// @ts-expect-error -- a storage is missing",
        `createReceiver({ secret: "${secret}" });`,
        "const total = (amount: number) => amount;",
        "handlers({",
        "  patterns: { invoices: v.object({ total: v.number(), number: v.string() }) },",
        '  "job.succeeded": ({ data }) => {',
        "    total(data.result.total);",
        "    // @ts-expect-error -- a text, says the pattern's schema",
        "    total(data.result.number);",
        "  },",
        "});",
      ].join("\n"),
    );
    const tsc = join(root, "node_modules/.bin/tsc");
    const options = { cwd: installed.folder, env: { PATH: pathOfRuntimes } };
    const { stdout } = await run(tsc, ["--project", "."], options).catch((error) => error);
    expect(stdout).toBe("");
  });

  test("says where an error was thrown, in the TypeScript that JSR has of this version", async () => {
    const code = 'import { sign } from "imggo-webhooks"; await sign("", "")';
    const args = ["--enable-source-maps", "--input-type=module", "--eval", code];
    const thrown = startProcess([...runtimes.node, ...args], { cwd: installed.folder, env: {} });
    expect(await thrown.ended).toBe(1);
    const place = `https://jsr.io/@imggo/webhooks/${installed.manifest.version}/src/signature.ts`;
    const [, line = ""] = thrown.output().split(`${place}:`)[1]?.match(/^(\d+)/) ?? [];
    const source = await readFile(join(root, "src/signature.ts"), "utf8");
    expect(source.split("\n")[Number(line) - 1], thrown.output()).toContain("throw new ");
  });

  test("is bundled for Workers, and receives there", async () => {
    const code = `
      import { createReceiver, handlers } from "imggo-webhooks";
      import { memoryStorage } from "imggo-webhooks/storage/memory";
      let receiver;
      export default {
        fetch(request, env, context) {
          receiver ??= createReceiver({
            secret: env.WEBHOOK_SECRET,
            storage: memoryStorage(),
            processors: { a: handlers({ "job.succeeded": ({ data }) => console.log("seen", data.job_id) }) },
          });
          return receiver.fetch(request, env, context);
        },
      };`;
    const { script, metafile } = await bundleText(code, [], installed.folder);
    const inputs = Object.keys(metafile.inputs).filter((path) =>
      path.includes("imggo-webhooks/dist")
    );
    expect(inputs).not.toEqual([]);
    const workers = await startWorkers({ script, bindings: { WEBHOOK_SECRET: secret } });
    try {
      const headers = { "X-ImgGo-Signature": await sign(event, secret) };
      const url = new URL("/webhook", workers.url);
      const response = await fetch(url, { method: "POST", headers, body: event });
      expect(response.status).toBe(200);
      await response.body?.cancel();
      await expect.poll(workers.output).toContain("seen j-1");
    } finally {
      await workers.stop();
    }
  });

  test("serves by npx imggo-webhooks dev, and is sent an event by trigger", async () => {
    const server = startCommand(["dev"], { PORT: "0", LOG_FORMAT: "json" });
    await server.prints(/npx imggo-webhooks trigger job\.succeeded/);
    const [, pid = ""] = await server.prints(/"pid":(\d+)/);
    try {
      const trigger = startCommand(["trigger", "job.succeeded", "--json"]);
      expect(await trigger.ended, trigger.output()).toBe(0);
      expect(trigger.output()).toContain('"received"');
      await server.prints(/"message":"delivery succeeded"/);
    } finally {
      // npx hands a signal on to its shell only; a terminal's Ctrl-C reaches all of them.
      process.kill(Number(pid), "SIGTERM");
    }
    expect(await server.ended).toBe(0);
    expect(server.output()).not.toContain("npm install");
  });

  const calls = {
    bun: ["bunx --bun imggo-webhooks", `${root}node_modules/.bin/bun`],
    deno: ["deno run -A npm:imggo-webhooks", `${root}node_modules/.bin/deno`, "run", "-A"],
  };
  test.each(["bun", "deno"] as const)("says on %s how it is called there", async (name) => {
    const [call, ...runtime] = calls[name];
    const command = join(installed.folder, "node_modules/imggo-webhooks/dist/cli/bin.js");
    // Nothing listens on the port of `discard`.
    const env = { WEBHOOK_SECRET: secret, PORT: "9" };
    const args = [...runtime, command, "trigger", "job.succeeded"];
    const started = startProcess(args, { cwd: installed.folder, env });
    expect(await started.ended).toBe(1);
    expect(started.output()).toContain(`\`${call} dev\` starts a receiver`);
  });

  test("says which Node.js it needs on an older one, and does nothing there", async () => {
    const older = 'Object.defineProperty(process, "versions", { value: { node: "20.19.5" } });';
    const refused = startPreloaded(older, ["dev"], {});
    expect(await refused.ended).toBe(2);
    expect(refused.output()).toContain(
      "imggo-webhooks needs Node.js 22.13 or newer; this is 20.19.5.",
    );
  });

  interface MissingPeer {
    readonly name: string;
    /** What uses it. */
    readonly args: readonly string[];
    readonly env: Record<string, string>;
    readonly preloaded?: string;
    /** Whether the server does without it. */
    readonly serves: boolean;
  }
  const peers: readonly MissingPeer[] = [
    {
      name: "pg",
      args: ["serve"],
      env: { STORAGE_URL: "postgres://127.0.0.1/none" },
      serves: false,
    },
    {
      name: "@ngrok/ngrok",
      args: ["dev", "--tunnel"],
      env: { NGROK_AUTHTOKEN: "token" },
      serves: false,
    },
    {
      name: "@opentelemetry/api",
      args: ["serve"],
      env: { STORAGE_URL: "memory:", PORT: "0" },
      // What an SDK does, or Deno with OTEL_DENO=true.
      preloaded: 'globalThis[Symbol.for("opentelemetry.js.api.1")] = {};',
      serves: true,
    },
  ];

  test.each(peers)(
    "says that $name is to be installed, where it is used and missing",
    async ({ name, args, env, preloaded = "", serves }) => {
      const started = startPreloaded(preloaded, args, { WEBHOOK_SECRET: secret, ...env });
      await started.prints(new RegExp(`npm install ${name}`));
      if (serves) await listeningUrl(started);
      expect(await (serves ? started.end("SIGTERM") : started.ended)).toBe(serves ? 0 : 1);
      expect(started.output()).not.toMatch(/ERR_MODULE|node:internal/);
    },
  );

  const formats = { yaml: "yaml", csv: "papaparse", xml: "fast-xml-parser" };
  test("says which package reads a result, where it is missing and one in its format comes", async () => {
    const code = `
      import { parseManifest } from "imggo-webhooks/manifest";
      const textIn = (format) => ({ _raw: "a: 1", _format: format });
      const eventIn = (format) => ({ event: "job.succeeded", data: { result: textIn(format) } });
      for (const format of ${JSON.stringify(Object.keys(formats))}) {
        await parseManifest(eventIn(format)).catch(({ message }) => console.log(message));
      }`;
    const args = ["--input-type=module", "--eval", code];
    const used = startProcess([...runtimes.node, ...args], { cwd: installed.folder, env: {} });
    expect(await used.ended, used.output()).toBe(0);
    expect(used.output().match(/npm install \S+/g))
      .toEqual(Object.values(formats).map((name) => `npm install ${name}`));
  });

  test("has an answer to each optional peer that is missing", () => {
    const named = [...peers.map(({ name }) => name), ...Object.values(formats)];
    expect(named.sort()).toEqual(Object.keys(installed.manifest.peerDependencies).sort());
  });
});
