import process from "node:process";
import type { Command } from "commander";
import { WebhookError } from "../errors.ts";
import { verifySignature } from "../signature.ts";
import { readInput } from "./input.ts";
import { colored, print } from "./output.ts";
import { defaultTarget } from "./target.ts";

interface VerifyFlags {
  readonly signature: string;
  readonly json?: true;
}

/** `verify`: whether a signature is that of a file. */
export function addVerify(program: Command): Command {
  return program
    .command("verify")
    .description("check the signature of a file's bytes")
    .argument("<file>", "the body; - for standard input")
    .requiredOption("--signature <value>", "the value of X-ImgGo-Signature")
    .action(async (file: string, { signature, json }: VerifyFlags) => {
      const previous = process.env["WEBHOOK_SECRET_PREVIOUS"] || [];
      const secrets = [defaultTarget().secret, previous].flat();
      try {
        await verifySignature(await readInput(file), signature, secrets);
        print(json, colored("green", "valid"), { valid: true });
      } catch (error) {
        if (!(error instanceof WebhookError)) throw error;
        print(json, colored("red", "not valid"), { valid: false });
        process.exitCode = 1;
      }
    });
}
