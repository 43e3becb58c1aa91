import { transform } from "esbuild";
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import * as api from "imggo-webhooks";
import { describe, expect, test } from "vitest";

const root = new URL("../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");

interface Manifest {
  readonly version: string;
  readonly exports: Record<string, string | { readonly types: string; readonly default: string }>;
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  /** Those that whoever needs them installs; here they are dev dependencies. */
  readonly peerDependencies: Record<string, string>;
  readonly peerDependenciesMeta: Record<string, { readonly optional: boolean }>;
}
interface DenoManifest {
  readonly version: string;
  readonly exports: Record<string, string>;
  readonly imports: Record<string, string>;
}
const npm: Manifest = JSON.parse(read("package.json"));
const deno: DenoManifest = JSON.parse(read("deno.json"));

/** What a file imports, types included: files by their path in the checkout, packages as named. */
interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

// Each at the start of a line, as the formatter leaves them; the examples in comments are not.
const statement = /^(?:import|export)\b[^"'`;]*?\bfrom\s*"([^"]+)"|^import\s*"([^"]+)"/gm;
const dynamic = /\bimport\(\s*"([^"]+)"/g;

const files: readonly SourceFile[] = readdirSync(new URL("src", root), { recursive: true })
  .map(String)
  .filter((name) => name.endsWith(".ts"))
  .map((name) => {
    const path = posix.join("src", name);
    const text = read(path);
    const imports = [...text.matchAll(statement), ...text.matchAll(dynamic)]
      .map(([, from, bare]) => from ?? bare ?? "")
      .map((name) => name.startsWith(".") ? posix.join(posix.dirname(path), name) : name);
    return { path, text, imports };
  });

const isOuter = ({ path }: SourceFile) => /^src\/(?:entry|cli)\//.test(path);
const core = files.filter((file) => !isOuter(file));

// What operators get beside the receiver. A receiver that is not given it does not hold it.
const forOperators =
  /^src\/(?:admin|metrics|operations)(?:\.ts|\/)|^src\/open-telemetry(?:\.ts|\/)/;
const isForOperators = ({ path }: SourceFile) => forOperators.test(path);

/** `file → import` of every import that breaks a rule. */
function breaches(
  among: readonly SourceFile[],
  breaks: (imported: string, file: SourceFile) => boolean,
): string[] {
  return among.flatMap((file) =>
    file.imports.filter((imported) => breaks(imported, file)).map((each) =>
      `${file.path} → ${each}`
    )
  );
}

const platform = /^(?:node|bun|deno|cloudflare|workerd):/;
const packageOf = (name: string) => /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name;
const isPackage = (name: string) => !name.startsWith("src/") && !platform.test(name);

/** Which of these global names a file uses; what is in comments, text and scopes does not count. */
async function globalsIn({ text }: SourceFile, names: readonly string[]): Promise<string[]> {
  const define = Object.fromEntries(
    names.flatMap((name) => [[name, `GLOBAL_${name}`], [`globalThis.${name}`, `GLOBAL_${name}`]]),
  );
  const { code } = await transform(text, { loader: "ts", define });
  return names.filter((name) => new RegExp(`\\bGLOBAL_${name}\\b`).test(code));
}

async function globalsAmong(among: readonly SourceFile[], names: readonly string[]) {
  const found = await Promise.all(among.map(async (file) => {
    return (await globalsIn(file, names)).map((name) => `${file.path}: ${name}`);
  }));
  return found.flat();
}

describe("this test", () => {
  test("sees imports of every form, and none in comments", () => {
    const forms = [
      'import { a } from "one";',
      'import type { B } from "two";',
      'import {\n  c,\n  type D,\n} from "three";',
      'import "four";',
      'export * from "five";',
      'export { type E } from "six";',
      'const f = await import("seven");',
      ' * import { g } from "comment";',
      '// import "comment";',
    ].join("\n");
    const names = [...forms.matchAll(statement), ...forms.matchAll(dynamic)]
      .map(([, from, bare]) => from ?? bare);
    expect(names.sort()).toEqual(["one", "two", "three", "four", "five", "six", "seven"].sort());
  });

  test("sees globals, and nothing that is only called like one", async () => {
    const text = [
      "// process.exit()",
      'const text = "process Deno console.log";',
      "function own(process: { pid: number }) { return process.pid; }",
      "const { Bun } = { Bun: 1 };",
      "console.log(own, text, Bun, globalThis.Deno);",
    ].join("\n");
    expect(
      await globalsIn({ path: "x.ts", text, imports: [] }, ["process", "Deno", "Bun", "console"]),
    )
      .toEqual(["Deno", "console"]);
  });

  test("reads the source files and what they import", () => {
    expect(core.length).toBeGreaterThan(20);
    const receiver = files.find(({ path }) => path === "src/receiver.ts");
    expect(receiver?.imports).toEqual(
      expect.arrayContaining(["itty-router/IttyRouter", "src/body.ts", "src/ingest.ts"]),
    );
  });
});

describe("src", () => {
  test("only receiver.ts imports itty-router", () => {
    expect(breaches(files, (name) => packageOf(name) === "itty-router"))
      .toEqual(["src/receiver.ts → itty-router/IttyRouter"]);
  });

  test("only entry, cli and what keeps files import what belongs to a platform", () => {
    const inside = core.filter(({ path }) =>
      !/^src\/(?:storage\/sqlite|processor\/ndjson)/.test(path)
    );
    expect(breaches(inside, (name) => platform.test(name))).toEqual([]);
  });

  test("only entry and cli name the globals of a runtime", async () => {
    const names = ["Deno", "Bun", "process", "Buffer", "require", "__dirname", "global"];
    expect(await globalsAmong(core, names)).toEqual([]);
  });

  test("nothing outside of entry and cli writes to the console", async () => {
    expect(await globalsAmong(core, ["console"])).toEqual([]);
  });

  test("the packages of the library are itty-router and valibot; only what reads manifests has more", () => {
    const packages = core.filter((file) => !isForOperators(file))
      .filter(({ path }) => !path.startsWith("src/manifest/"))
      .flatMap(({ imports }) => imports.filter(isPackage).map(packageOf));
    expect([...new Set(packages)].sort()).toEqual(["itty-router", "valibot"]);
  });

  test("what operators get takes one package more for each thing that it does", () => {
    const allowed = [
      ["src/admin/", "hono"],
      ["src/open-telemetry", "@opentelemetry/api"],
    ] as const;
    const among = files.filter(isForOperators);
    expect(among.length).toBeGreaterThan(20);
    expect(breaches(among, (name, { path }) =>
      isPackage(name) && packageOf(name) !== "valibot" &&
      !allowed.some(([place, allowed]) => path.startsWith(place) && packageOf(name) === allowed)))
      .toEqual([]);
  });

  test("only markup.ts imports hono, by which pages escape: it says what may be put into one", () => {
    const named = breaches(files, (name) => packageOf(name) === "hono");
    expect([...new Set(named.map((breach) => breach.split(" ")[0]))])
      .toEqual(["src/admin/pages/markup.ts"]);
  });

  test("the receiver knows nothing of what operators get", () => {
    const receiver = core.filter((file) => !isForOperators(file));
    expect(breaches(receiver, (name) => forOperators.test(name))).toEqual([]);
  });

  test("metrics and what operators do know nothing of the API and the pages", () => {
    const among = files.filter(({ path }) => /^src\/(?:metrics|operations)\//.test(path));
    expect(breaches(among, (name) => /^src\/admin(?:\.ts|\/)/.test(name))).toEqual([]);
  });

  test("an entry loads what operators get only where it is asked for", () => {
    const entries = files.filter(({ path }) => path.startsWith("src/entry/"));
    const atOnce = entries.map((file) => ({
      ...file,
      imports: [...file.text.matchAll(statement)]
        .filter(([text]) => !text.startsWith("import type"))
        .map(([, from, bare]) => posix.join("src/entry", from ?? bare ?? "")),
    }));
    expect(breaches(entries, (name) => forOperators.test(name))).toContain(
      "src/entry/serve.ts → src/admin.ts",
    );
    expect(breaches(atOnce, (name) => forOperators.test(name))).toEqual([]);
  });

  test("every imported package is a dependency, and every dependency is imported", () => {
    const packages = files.flatMap(({ imports }) => imports.filter(isPackage).map(packageOf));
    const dependencies = [npm.dependencies, npm.peerDependencies].flatMap(Object.keys);
    expect([...new Set(packages)].sort()).toEqual(dependencies.sort());
  });

  test("what is not always installed is optional, and imported only where it is used", () => {
    const peers = Object.keys(npm.peerDependencies);
    expect(npm.peerDependenciesMeta)
      .toEqual(Object.fromEntries(peers.map((name) => [name, { optional: true }])));
    const atOnce = files.flatMap(({ text }) =>
      [...text.matchAll(statement)].map(([, from, bare]) => packageOf(from ?? bare ?? ""))
    );
    expect(atOnce.filter((name) => peers.includes(name))).toEqual([]);
  });

  test("nothing imports index.ts", () => {
    expect(
      breaches(files, (name) => name === "src/index.ts" || packageOf(name) === "imggo-webhooks"),
    )
      .toEqual([]);
  });

  test("nothing outside of entry and cli imports from there", () => {
    expect(breaches(core, (name) => /^src\/(?:entry|cli)\//.test(name))).toEqual([]);
  });

  test("entry does not import cli", () => {
    const entries = files.filter(({ path }) => path.startsWith("src/entry/"));
    expect(breaches(entries, (name) => name.startsWith("src/cli/"))).toEqual([]);
  });

  test("no storage imports another: only open-storage.ts does, when it is asked to", () => {
    const storages = Object.keys(deno.exports)
      .filter((subpath) => subpath.startsWith("./storage/"))
      .map((subpath) => `src/${subpath.slice(2)}.ts`);
    expect(storages).toContain("src/storage/memory.ts");
    expect(breaches(core, (name) => storages.includes(name))).toEqual([]);

    const open = files.filter(({ path }) => path === "src/entry/open-storage.ts");
    expect(open).toHaveLength(1);
    const atOnce = open.flatMap(({ text }) =>
      [...text.matchAll(statement)].map(([, from]) => from)
    );
    expect(atOnce.filter((name) => storages.includes(posix.join("src/entry", name ?? ""))))
      .toEqual([]);
  });

  test("the contracts know nothing of what is built on them", () => {
    const contracts = [
      "errors",
      "event",
      "signature",
      "body",
      "storage/storage",
      "storage/claim",
      "storage/storage-error",
      "storage/stored-event",
      "storage/dead-deliveries",
      "storage/activity",
      "storage/expectations",
      "storage/rejections",
      "processor/processor",
    ]
      .map((name) => `src/${name}.ts`);
    const built =
      /^src\/(?:receiver|worker|attempt|settings|config|index|admin\/.*|storage\/(?!(?:storage|claim|storage-error|stored-event|dead-deliveries|activity|expectations|rejections)\.ts).*|processor\/(?!processor\.ts).*)/;
    const among = files.filter(({ path }) => contracts.includes(path));
    expect(among).toHaveLength(contracts.length);
    expect(breaches(among, (name) => built.test(name))).toEqual([]);
  });

  test("no file imports itself by way of others", () => {
    const importsOf = new Map(files.map(({ path, imports }) => [path, imports]));
    const done = new Set<string>();
    const circles: string[] = [];
    const follow = (path: string, above: readonly string[]): void => {
      if (above.includes(path)) {
        circles.push([...above.slice(above.indexOf(path)), path].join(" → "));
      }
      if (done.has(path) || above.includes(path)) return;
      for (const next of importsOf.get(path) ?? []) follow(next, [...above, path]);
      done.add(path);
    };
    for (const { path } of files) follow(path, []);
    expect(circles).toEqual([]);
  });
});

describe("package.json and deno.json", () => {
  const sourceOf = (built: string) =>
    built.replace(/^\.\/dist\//, "./src/").replace(/\.js$/, ".ts");
  const subpaths = Object.entries(npm.exports).filter(([subpath]) => subpath !== "./package.json");

  test("name the same subpaths, from the same sources", () => {
    const sources = subpaths.map(([subpath, target]) => [
      subpath,
      sourceOf(typeof target === "string" ? target : target.default),
    ]);
    expect(Object.fromEntries(sources)).toEqual(deno.exports);
  });

  test("name sources that exist, and types beside what is built of them", () => {
    for (const [subpath, target] of subpaths) {
      expect(files.map(({ path }) => `./${path}`), subpath).toContain(deno.exports[subpath]);
      if (typeof target === "string") throw new Error(`${subpath} has no types`);
      expect(target.types).toBe(target.default.replace(/\.js$/, ".d.ts"));
    }
  });

  test("have the same version", () => {
    expect(npm.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(deno.version).toBe(npm.version);
  });

  test("have the same dependencies, each in one exact version", () => {
    const own = (name: string) => packageOf(name) === "imggo-webhooks";
    const peers = Object.keys(npm.peerDependencies)
      .map((name) => [name, npm.devDependencies[name] ?? ""] as const);
    const wanted = [...Object.entries(npm.dependencies), ...peers].map(([name, version]) => {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
      return [name, `npm:${name}@${version}`];
    });
    const mapped = Object.entries(deno.imports).filter(([name]) => !own(name));
    expect(Object.fromEntries(mapped)).toEqual(Object.fromEntries(wanted));
  });

  test("let Deno find the package by its own name, as it is published", () => {
    const own = Object.entries(deno.exports).map(([subpath, source]) => [
      posix.join("imggo-webhooks", subpath).replace(/\/$/, ""),
      source,
    ]);
    for (const [name, source] of own) expect(deno.imports[name!], name).toBe(source);
  });

  test("pin itty-router to 5.0.24", () => {
    expect(npm.dependencies["itty-router"]).toBe("5.0.24");
  });
});

describe("imggo-webhooks", () => {
  test("has the names that it promises", () => {
    const promised = [
      "createReceiver",
      "handlers",
      "forward",
      "log",
      "defineConfig",
      "verifySignature",
      "sign",
      "parseEvent",
      "RetryLater",
      "PermanentError",
      "WebhookError",
    ];
    expect(Object.keys(api)).toEqual(expect.arrayContaining(promised));
    for (const name of promised) expect(api[name as keyof typeof api]).toBeTypeOf("function");
  });
});
