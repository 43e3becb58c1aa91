import process from "node:process";
import type { Command } from "commander";
import { type Listening, serve } from "../entry/serve.ts";
import { toHex } from "../hex.ts";
import { healthPath } from "../paths.ts";
import { commandName } from "./command-name.ts";
import { addConfigOption } from "./config-option.ts";
import { currentListen } from "./current-listen.ts";
import { type DevSession, devSessionFile, readDevSession, writeDevSession } from "./dev-session.ts";
import { expose, type Exposure } from "./exposure.ts";
import { openImgGo } from "./imggo.ts";
import { colored, print } from "./output.ts";
import { prepareTunnel } from "./tunnel.ts";

interface DevFlags {
  readonly config?: string;
  readonly tunnel?: true;
  readonly json?: true;
}

/** `dev`: a receiver for trying things out, without any set-up. */
export function addDev(program: Command): Command {
  return addConfigOption(program.command("dev"))
    .description("receive on this machine, without any set-up: a secret is made and kept")
    .option("--tunnel", "let ImgGo reach it by ngrok, registered for as long as it runs")
    .action(async ({ config, tunnel, json }: DevFlags) => {
      const openTunnel = tunnel && await prepareTunnel();
      const imggo = tunnel && process.env["IMGGO_API_KEY"] ? await openImgGo(config) : undefined;
      const { secret = random(32), adminToken = random(24) } = readDevSession();
      await serve(await currentListen(), {
        env: { ...process.env, ...(json && { LOG_FORMAT: "json" }) },
        ...(config !== undefined && { configFile: config }),
        defaults: { secret, adminToken, host: "127.0.0.1", forwardAllowPrivate: true },
        async onListening(listening) {
          const { url, settings } = listening;
          const made = {
            usesSecret: settings.secrets.includes(secret),
            usesAdminToken: settings.adminToken === adminToken,
          };
          writeDevSession({ url: url.href, secret, adminToken, ...made });
          if (!openTunnel) {
            if (!json) process.stdout.write(welcome(listening, made));
            return;
          }
          const exposure = await expose({
            tunnel: await openTunnel(Number(url.port)),
            path: settings.path,
            secret: settings.secrets[0] ?? secret,
            imggo,
          });
          const { url: { href }, webhookId } = exposure;
          if (json) print(json, "", { public_url: href, webhook_id: webhookId ?? null });
          else process.stdout.write(welcome(listening, made, exposure));
          return exposure.end;
        },
      });
    });
}

function random(bytes: number): string {
  return toHex(crypto.getRandomValues(new Uint8Array(bytes)));
}

function welcome(
  { url, settings, processors }: Listening,
  { usesSecret, usesAdminToken }: Required<Pick<DevSession, "usesSecret" | "usesAdminToken">>,
  exposure?: Exposure,
): string {
  const { storage } = settings;
  const rows = [
    ["Webhook", url.href],
    ...exposure ? [["Public", `${exposure.url.href} ${registration(exposure)}`]] : [],
    ["Admin", new URL("/admin", url).href],
    ["Token", usesAdminToken ? settings.adminToken : "the one you set as ADMIN_TOKEN"],
    ["Health", new URL(healthPath, url).href],
    ["Storage", typeof storage === "string" ? storage : "of the configuration"],
    ["Processors", `${processors.join(", ")} (yours go into imggo.config.ts)`],
    ["Secret", usesSecret ? `generated for this folder, in ${devSessionFile}` : "the one you set"],
  ];
  const where = usesSecret ? "" : ", where you set the same WEBHOOK_SECRET";
  return [
    "",
    ...rows.map(([name = "", value]) => `  ${colored("dim", name.padEnd(12))}${value}`),
    "",
    `  Send it a signed event, from another terminal${where}:`,
    "",
    `    ${colored("bold", `${commandName} trigger job.succeeded`)}`,
    "",
    "",
  ].join("\n");
}

function registration({ webhookId }: Exposure): string {
  return webhookId === undefined
    ? "(not registered: set IMGGO_API_KEY, or register it at ImgGo yourself)"
    : "(registered at ImgGo until this ends)";
}
