import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Config } from "../config.ts";
import { SettingsError } from "../settings.ts";

const names = ["imggo.config.ts", "imggo.config.js", "imggo.config.mjs"];

/**
 * The default export of a configuration file.
 *
 * @param path Where it is; without it, `imggo.config.ts`, `.js` or `.mjs` in the working folder,
 * and where none is there, no configuration.
 * @throws {SettingsError} when the file cannot be read, or exports something else.
 */
export async function loadConfig(path?: string): Promise<Config> {
  const file = path ?? names.find((name) => existsSync(name));
  if (file === undefined) return {};
  if (!existsSync(file)) throw new SettingsError([`${file}: expected a configuration file there`]);
  let module: { default?: unknown };
  try {
    module = await import(pathToFileURL(resolve(file)).href);
  } catch (error) {
    throw new SettingsError([`${file}: ${problemOf(error)}`]);
  }
  const config = module.default;
  if (typeof config !== "object" || config === null) {
    throw new SettingsError([`${file}: expected \`export default defineConfig({ … })\``]);
  }
  return config;
}

function problemOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return code === "ERR_UNKNOWN_FILE_EXTENSION"
    ? "this Node.js reads no TypeScript; use Node.js 22.18 or newer, or write it in JavaScript"
    : `cannot be loaded: ${message}`;
}
