import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Config } from "../config.ts";
import { SettingsError } from "../settings.ts";

const names = ["ts", "mts", "js", "mjs"].map((ending) => `imggo.config.${ending}`);

/**
 * The default export of a configuration file.
 *
 * @param path Where it is; without it, `imggo.config.ts`, `.mts`, `.js` or `.mjs` in the working
 * folder, and where none is there, no configuration.
 * @throws {SettingsError} when the file cannot be read, or exports something else.
 */
export async function loadConfig(path?: string): Promise<Config> {
  const file = path ?? names.find((name) => existsSync(name));
  if (file === undefined) return {};
  if (!existsSync(file)) throw new SettingsError([`--config ${file}: there is no such file`]);
  let module: { default?: unknown };
  try {
    module = await import(pathToFileURL(resolve(file)).href);
  } catch (error) {
    throw new SettingsError([`${file}: ${problemOf(error)}`]);
  }
  const config = module.default;
  if (!isPlainObject(config)) {
    throw new SettingsError([`${file}: expected \`export default defineConfig({ … })\``]);
  }
  return config;
}

function isPlainObject(value: unknown): value is object {
  return typeof value === "object" && value !== null &&
    [Object.prototype, null].includes(Object.getPrototypeOf(value));
}

function problemOf(error: unknown): string {
  const { code, message = String(error), errors = [] } = Object(error) as {
    code?: string;
    message?: string;
    errors?: readonly { message?: string }[];
  };
  if (code === "ERR_UNKNOWN_FILE_EXTENSION") {
    return "this Node.js reads no TypeScript; use Node.js 22.18 or newer, or write it in JavaScript";
  }
  if (message?.includes("import statement outside a module")) {
    return 'Node.js takes it for CommonJS; set "type": "module" in package.json, or name it ' +
      "imggo.config.mts";
  }
  // Bun counts its errors in the message, and says them here.
  const reasons = errors.map((each) => each.message);
  return ["cannot be loaded", message, ...reasons].join(": ");
}
