// Builds `dist`, the JavaScript of the npm package: `npm run build`. JSR takes the sources as they are.
//
// Minified and with maps of lines only, none for the command, which nobody debugs: as one file for
// each of ours, with whitespace and whole maps, it would be four times as large.
import { readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type OutputChunk, type OutputOptions, rolldown } from "rolldown";
import { dts } from "rolldown-plugin-dts";
import { thinMap } from "./thin-map.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");

interface JsrManifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
}
interface NpmManifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}
const readManifest = async (name: string) => JSON.parse(await readFile(join(root, name), "utf8"));
const jsr: JsrManifest = await readManifest("deno.json");
const npm: NpmManifest = await readManifest("package.json");

/** `entry/cloudflare` of `./src/entry/cloudflare.ts`: its place in `dist` as well. */
const placeOf = (source: string) => source.replace(/^\.\/src\//, "").replace(/\.ts$/, "");
const inputOf = (sources: readonly string[]) =>
  Object.fromEntries(sources.map((source) => [placeOf(source), join(root, source)]));

const library = Object.values(jsr.exports);

const command = join(root, "src/cli/main.ts");

const packages = Object.keys({ ...npm.dependencies, ...npm.peerDependencies });
const isExternal = (name: string) =>
  name.startsWith("node:") || packages.some((own) => name === own || name.startsWith(`${own}/`));

async function bundle(
  sources: readonly string[],
  plugins: ReturnType<typeof dts>,
  output: OutputOptions,
): Promise<readonly OutputChunk[]> {
  const build = await rolldown({
    cwd: root,
    input: inputOf(sources),
    external: isExternal,
    platform: "neutral",
    tsconfig: join(root, "src/tsconfig.json"),
    plugins,
    // The library does nothing by being loaded; the command does all by that.
    treeshake: { moduleSideEffects: (file) => file === command },
    // A package that is not declared, for one: it would be missing where this one is installed.
    onLog(_, { message }) {
      throw new Error(message);
    },
  });
  const written = await build.write({ dir: dist, format: "esm", ...output });
  await build.close();
  return written.output.filter((file) => file.type === "chunk");
}

// With it, whatever shows a map's source finds it: JSR holds that of each version that is published.
const sourceRoot = `https://jsr.io/${jsr.name}/${jsr.version}/`;

await rm(dist, { recursive: true, force: true });
const chunks = await bundle([...library, "./src/cli/bin.ts"], [], {
  minify: true,
  sourcemap: true,
  chunkFileNames: "chunks/[name].js",
});
const ofLibrary = importedFrom(library.map((source) => `${placeOf(source)}.js`));
for (const { fileName, code, map } of chunks) {
  // One that only hands on what others export has none.
  if (map === null) continue;
  const path = join(dist, fileName);
  if (!ofLibrary.has(fileName)) {
    await rm(`${path}.map`);
    await writeFile(path, code.replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n"));
    continue;
  }
  const sources = map.sources.map((source) => relative(root, join(dirname(path), source)));
  const thin = thinMap(code, { ...map, sources }, sourceRoot);
  await writeFile(`${path}.map`, JSON.stringify(thin));
}

/** These files of the bundle, and all that they load, sooner or later. */
function importedFrom(fileNames: readonly string[]): Set<string> {
  const found = new Set(fileNames);
  for (const fileName of found) {
    const { imports = [], dynamicImports = [] } = chunks.find((chunk) =>
      chunk.fileName === fileName
    ) ?? {};
    for (const imported of [...imports, ...dynamicImports]) found.add(imported);
  }
  return found;
}

await bundle(library, dts({ oxc: true, emitDtsOnly: true }), {
  chunkFileNames: "chunks/[name].js",
});
process.stdout.write(`built ${relative(process.cwd(), dist) || "."}: ${chunks.length} files\n`);
