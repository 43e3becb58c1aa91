import type { Command } from "commander";
import { sign } from "../signature.ts";
import { readInput } from "./input.ts";
import { print } from "./output.ts";
import { defaultTarget } from "./target.ts";

/** `sign`: a file's signature, as ImgGo would send it. */
export function addSign(program: Command): Command {
  return program
    .command("sign")
    .description("print the signature of a file's bytes")
    .argument("<file>", "the body; - for standard input")
    .action(async (file: string, { json }: { json?: true }) => {
      const signature = await sign(await readInput(file), defaultTarget().secret);
      print(json, signature, { signature });
    });
}
