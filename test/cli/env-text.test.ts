import fc from "fast-check";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasSecret, withSecret } from "../../src/cli/env-text.ts";
import { root, runtimes, startProcess } from "../support/process.ts";

const secret = "0123456789abcdef".repeat(4);
const old = "the-secret-of-before";
const line = `WEBHOOK_SECRET=${secret}`;

describe("withSecret()", () => {
  const cases: Readonly<Record<string, readonly [before: string, after: string]>> = {
    "an empty file": ["", `${line}\n`],
    "a file without it": ["A=1\n", `A=1\n${line}\n`],
    "a missing final newline": ["A=1", `A=1\n${line}\n`],
    "CRLF": ["A=1\r\nB=2", `A=1\r\nB=2\r\n${line}\r\n`],
    "a byte order mark": ["\ufeffA=1\n", `\ufeffA=1\n${line}\n`],
    "a comment that holds it": [`# WEBHOOK_SECRET=${old}\n`, `# WEBHOOK_SECRET=${old}\n${line}\n`],
    "names that begin or end like it": [
      `MY_WEBHOOK_SECRET=${old}\nWEBHOOK_SECRETS=${old}\n`,
      `MY_WEBHOOK_SECRET=${old}\nWEBHOOK_SECRETS=${old}\n${line}\n`,
    ],
    "the same secret": [`A=1\n${line} # kept\n`, `A=1\n${line} # kept\n`],
    "no value": ["WEBHOOK_SECRET=\nA=1\n", `${line}\nA=1\n`],
    "a placeholder": ["WEBHOOK_SECRET=change-me\n", `${line}\n`],
    "another secret": [
      `WEBHOOK_SECRET=${old}\nA=1\n`,
      `${line}\nWEBHOOK_SECRET_PREVIOUS=${old}\nA=1\n`,
    ],
    "another secret in the last line": [
      `A=1\nWEBHOOK_SECRET=${old}`,
      `A=1\n${line}\nWEBHOOK_SECRET_PREVIOUS=${old}\n`,
    ],
    "an exported secret in quotes": [
      `export WEBHOOK_SECRET="${old}" # ImgGo\n`,
      `export WEBHOOK_SECRET="${secret}" # ImgGo\nexport WEBHOOK_SECRET_PREVIOUS="${old}"\n`,
    ],
    "a previous secret": [
      `WEBHOOK_SECRET_PREVIOUS='the one before it' # old\nA=1\nWEBHOOK_SECRET=${old}\n`,
      `WEBHOOK_SECRET_PREVIOUS=${old} # old\nA=1\n${line}\n`,
    ],
    "an empty previous secret": [
      `WEBHOOK_SECRET=${old}\nWEBHOOK_SECRET_PREVIOUS=\n`,
      `${line}\nWEBHOOK_SECRET_PREVIOUS=${old}\n`,
    ],
    "a placeholder and a previous secret": [
      `WEBHOOK_SECRET=\nWEBHOOK_SECRET_PREVIOUS=${old}\n`,
      `${line}\nWEBHOOK_SECRET_PREVIOUS=${old}\n`,
    ],
    "several, of which the last counts": [
      `WEBHOOK_SECRET=an-overridden-secret\nA=1\nWEBHOOK_SECRET=${old}\nB=2\n`,
      `A=1\n${line}\nWEBHOOK_SECRET_PREVIOUS=${old}\nB=2\n`,
    ],
    "one inside of a value": [
      `A="\nWEBHOOK_SECRET=${old}\n"\nB='it\\'s\nWEBHOOK_SECRET=x'\n`,
      `A="\nWEBHOOK_SECRET=${old}\n"\nB='it\\'s\nWEBHOOK_SECRET=x'\n${line}\n`,
    ],
    "a quote that never ends": [`A='x\nWEBHOOK_SECRET=\n`, `A='x\n${line}\n`],
  };
  for (const [what, [before, after]] of Object.entries(cases)) {
    test(`leaves the rest of a file with ${what}`, () => {
      expect(withSecret(before, secret)?.text).toBe(after);
      expect(withSecret(after, secret)).toMatchObject({ text: after, isRotated: false });
    });
  }

  test("says what became of the secrets that were there", () => {
    const change = (before: string) => {
      const { isRotated, isPreviousLost } = withSecret(before, secret) ?? {};
      return { isRotated, isPreviousLost };
    };
    const previous = (value: string) => `WEBHOOK_SECRET=${old}\nWEBHOOK_SECRET_PREVIOUS=${value}\n`;
    expect(change("")).toEqual({ isRotated: false, isPreviousLost: false });
    expect(change(`WEBHOOK_SECRET=${old}`)).toEqual({ isRotated: true, isPreviousLost: false });
    expect(change(previous("another-one"))).toEqual({ isRotated: true, isPreviousLost: true });
    for (const value of ["", old, secret]) {
      expect(change(previous(value))).toEqual({ isRotated: true, isPreviousLost: false });
    }
  });

  test.each([
    "a $HOME of its own",
    "a\\b and more than 16",
    "a line\nand another line",
    `it's "all" \`quotes\` here`,
  ])(
    "refuses what an env file cannot hold: %j",
    (unfit) => expect(withSecret("", unfit)).toBeUndefined(),
  );

  const anyLine = fc.oneof(
    fc.constantFrom("", "# comment", "A=1", "B='x y' # z", 'C="two\nlines"', "export D=`e`"),
    fc.tuple(
      fc.constantFrom("", "export "),
      fc.constantFrom("", "_PREVIOUS"),
      fc.constantFrom("'", '"', ""),
    )
      .map(([prefix, suffix, quote]) => `${prefix}WEBHOOK_SECRET${suffix}=${quote}${old}${quote}`),
  );
  const anySecret = fc.string({ minLength: 16, unit: "grapheme" })
    .filter((text) => text === text.trim() && !/[\p{Cc}\\]/u.test(text));

  test("is read by Node.js as it was written, in any file", () => {
    fc.assert(
      fc.property(
        fc.array(anyLine),
        fc.constantFrom("\n", "\r\n"),
        fc.boolean(),
        anySecret,
        (lines, eol, isEnded, value) => {
          const before = lines.join(eol) + (isEnded ? eol : "");
          const after = withSecret(before, value)?.text;
          if (after === undefined) {
            expect(value).toMatch(/['"`$]/);
            return;
          }
          const { WEBHOOK_SECRET_PREVIOUS: _, ...read } = parseEnv(after);
          const { WEBHOOK_SECRET: was, WEBHOOK_SECRET_PREVIOUS: previous, ...others } = parseEnv(
            before,
          );
          expect(read).toEqual({ ...others, WEBHOOK_SECRET: value });
          expect(parseEnv(after)["WEBHOOK_SECRET_PREVIOUS"]).toBe(was ?? previous);
          expect(withSecret(after, value)?.text).toBe(after);
        },
      ),
    );
  });
});

describe("an env file", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const values = [secret, "with spaces and # hash", `it's "quoted"`];
  test.each(values)("is read by every runtime as it was written: %j", async (value) => {
    const path = join(folder, ".env");
    await writeFile(path, withSecret("A=1\n", value)?.text ?? "");
    const script = join(folder, "print.mjs");
    await writeFile(script, 'import p from "node:process"; console.log(p.env.WEBHOOK_SECRET);');
    const [node = ""] = runtimes.node;
    const [bun = ""] = runtimes.bun;
    const [deno = ""] = runtimes.deno;
    for (
      const command of [
        [node, `--env-file=${path}`, script],
        [bun, `--env-file=${path}`, script],
        [deno, "run", "-A", `--env-file=${path}`, script],
      ]
    ) {
      const process = startProcess(command, { cwd: root, env: {} });
      expect(await process.ended).toBe(0);
      expect(process.output()).toBe(`${value}\n`);
    }
  });
});

test("hasSecret() takes only what a receiver takes", () => {
  expect(hasSecret(line)).toBe(true);
  for (
    const text of [
      "",
      "WEBHOOK_SECRET=",
      "WEBHOOK_SECRET=short",
      `#${line}`,
      `${line}\nWEBHOOK_SECRET=`,
    ]
  ) {
    expect(hasSecret(text)).toBe(false);
  }
});
