import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../support/process.ts";

/** The part of a package's manifest that is read here. */
interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

interface LockedPackage {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
}

// What lets anyone use, change and pass on the whole. None of them asks for more than its text.
const allowed = ["MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD"];

/** `(MIT OR Apache-2.0)` leaves the choice. */
const choicesOf = (license = "") => license.replaceAll(/[()]/g, "").split(" OR ");

const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));

/** Where Node.js would find a package that one in this folder imports. */
function findPackage(name: string, folder: string): string | undefined {
  for (let at = folder; at.startsWith(root.slice(0, -1)); at = dirname(at)) {
    const candidate = join(at, "node_modules", name);
    if (existsSync(join(candidate, "package.json"))) return candidate;
  }
  return undefined;
}

/** Every folder of a package that is installed for these, and for what they need in turn. */
function closure(names: readonly string[]): ReadonlyMap<string, Manifest> {
  const found = new Map<string, Manifest>();
  const visit = (name: string, from: string, isOptional: boolean): void => {
    const folder = findPackage(name, from);
    if (folder === undefined) {
      if (isOptional) return;
      throw new Error(`${name}, which ${from} needs, is not installed`);
    }
    if (found.has(folder)) return;
    const manifest = readManifest(folder);
    found.set(folder, manifest);
    const { dependencies, optionalDependencies, peerDependencies } = manifest;
    // What is optional too stands in both.
    for (const needed of Object.keys({ ...dependencies, ...peerDependencies })) {
      const isOptional = needed in (optionalDependencies ?? {}) ||
        manifest.peerDependenciesMeta?.[needed]?.optional === true;
      // An optional peer is its user's choice, and none of ours.
      if (!isOptional) visit(needed, folder, false);
    }
    for (const needed of Object.keys(optionalDependencies ?? {})) visit(needed, folder, true);
  };
  for (const name of names) visit(name, root.slice(0, -1), false);
  return found;
}

const own = readManifest(root);
const production = closure(
  [own.dependencies, own.peerDependencies].flatMap((names) => Object.keys(names ?? {})),
);

test("every production dependency has a license of the list", () => {
  expect(production.size).toBeGreaterThan(10);
  const others = [...production.values()]
    .filter(({ license }) => !choicesOf(license).some((choice) => allowed.includes(choice)))
    .map(({ name, version, license }) => `${name} ${version}: ${license}`);
  expect(others).toEqual([]);
});

test("no production dependency runs a script when it is installed", () => {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, LockedPackage>>;
  };
  const scripted = [...production.keys()]
    .filter((folder) => packages[folder.slice(root.length)]?.hasInstallScript);
  expect(scripted).toEqual([]);
});

test("package-lock.json pins each package by the hash of its content, from a registry", () => {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, LockedPackage>>;
  };
  const installed = Object.entries(packages).filter(([path]) => path !== "");
  expect(installed.length).toBeGreaterThan(100);
  // One that is fetched from anywhere else says so.
  const loose = installed.filter(([, { resolved, integrity }]) =>
    resolved !== undefined || !integrity?.startsWith("sha512-")
  );
  expect(loose.map(([path]) => path)).toEqual([]);
});
