import process from "node:process";
import type { Config } from "../config.ts";
import { loadConfig } from "../entry/load-config.ts";
import { createImgGoClient, type ImgGoClient } from "../imggo.ts";
import { readImgGoSettings } from "../settings.ts";

/** ImgGo's API, and what the settings say of the receiver. */
export interface ImgGoAccess extends ImgGoClient {
  /** Where the receiver's webhook is: `WEBHOOK_PATH`. */
  readonly path: string;
}

/**
 * A client of ImgGo's API, of the settings in the environment and the configuration.
 *
 * @param configFile Default the one in the working folder, if there is one.
 */
export async function openImgGo(configFile?: string): Promise<ImgGoAccess> {
  return imgGoOf(await loadConfig(configFile));
}

/** The same, of a configuration that is loaded. */
export function imgGoOf(config: Config): ImgGoAccess {
  const { path, ...api } = readImgGoSettings(process.env, config);
  return { ...createImgGoClient(api), path };
}
