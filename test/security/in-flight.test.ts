import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { startEntry } from "../fuzz/entries.ts";
import { secrets } from "../fuzz/requests.ts";
import { runtimes } from "../support/process.ts";
import { sendGood } from "./siege.ts";

const mebibyte = 2 ** 20;
const connections = 400;
// The bound on all bodies together, and what a runtime needs besides. Bun reads a body before it is
// asked for, and Deno some of it: they hold more of what is sent at once, but not all 400 MiB twice.
const peakMebibytes = { node: 256, bun: 640, deno: 500 };

/**
 * Sends a forged request of 1 MiB but for its last byte, which follows after the pause. The status
 * that was answered; 0 where the connection was closed without.
 */
function sendLarge(url: string, pause: Promise<void>): Promise<number> {
  const { hostname, port, pathname } = new URL(url);
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(Number(port), hostname, () => {
      socket.write(
        `POST ${pathname} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${mebibyte}\r\n` +
          `X-ImgGo-Signature: ${"0".repeat(64)}\r\n\r\n`,
      );
      socket.write(Buffer.alloc(mebibyte - 1, 32));
      void pause.then(() => socket.write(" "));
    });
    socket.setEncoding("latin1").on("data", (text: string) => {
      answer += text;
      if (answer.includes("}")) socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0)));
  });
}

test.each(["node", "bun", "deno"] as const)(
  "the %s entry bounds the memory of all bodies that are under way together",
  async (name) => {
    const entry = await startEntry(name, runtimes[name], { MAX_BODY_BYTES: `${mebibyte}` });
    const pause = new Promise<void>((resolve) => setTimeout(resolve, 2_000));
    const attack = Promise.all(
      Array.from({ length: connections }, () => sendLarge(entry.url, pause)),
    );
    const statuses = new Set(await attack);
    // Refused for its signature, or because there is no room for it; never a crash.
    expect([...statuses].filter((status) => ![0, 401, 408, 503].includes(status))).toEqual([]);
    const status = await readFile(`/proc/${entry.process.child.pid}/status`, "utf8").catch(() =>
      ""
    );
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
    if (peak !== undefined) expect(Number(peak) / 1_024).toBeLessThan(peakMebibytes[name]);
    // There is room again.
    const over = new Promise((resolve) => setTimeout(resolve, 200));
    const good = await sendGood(entry.url, String(secrets[0]), 25, over);
    expect(good.failed).toBe(0);
    expect(await entry.end(async () => {})).toBe(0);
  },
);
