import { sign, verifySignature, WebhookError } from "imggo-webhooks";
import { expect, test } from "vitest";
import { secretKey } from "../../src/entry/secret-key.ts";
import { parseSignature } from "../../src/signature.ts";
import { toBytes } from "../support/wire.ts";

const secrets = ["It's a Secret to Everybody", "clé-de-signature-ünïcode-🔑"];
const bodies = [new Uint8Array(0), toBytes("Käse €"), new Uint8Array(100_000).fill(0xff)];

test("secretKey() accepts what sign() made by Web Crypto, and no bit of it changed", async () => {
  for (const secret of secrets) {
    for (const body of bodies) {
      const mac = parseSignature(await sign(body, secret));
      expect(await verifySignature(body, mac, secretKey(secret))).toBe(body);
      for (let bit = 0; bit < 256; bit++) {
        const other = mac.slice();
        other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(secretKey(secret).verify(other, body), `bit ${bit}`).toBe(false);
      }
    }
  }
});

test("secretKey() refuses another body, another secret and another length", async () => {
  const [secret = "", another = ""] = secrets;
  const [none = new Uint8Array(0), body = none] = bodies;
  const mac = parseSignature(await sign(body, secret));
  const refused = async (bytes: typeof body, by: string) =>
    await verifySignature(bytes, mac, secretKey(by)).catch((error) => error);
  expect(await refused(none, secret)).toBeInstanceOf(WebhookError);
  expect(await refused(body, another)).toBeInstanceOf(WebhookError);
  for (const wrong of [none, mac.slice(1), new Uint8Array([...mac, 0])]) {
    expect(secretKey(secret).verify(wrong, body)).toBe(false);
  }
});
