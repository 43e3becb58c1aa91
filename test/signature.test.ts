import fc from "fast-check";
import { sign, verifySignature, WebhookError } from "imggo-webhooks";
import { expect, test } from "vitest";
import { importSecret, parseSignature, secretProblem } from "../src/signature.ts";
import { toBytes } from "./support/wire.ts";

const secret = "It's a Secret to Everybody";
const body = toBytes("Hello, World!");
const hex = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

/** The code of the refusal, or that there was none. */
async function refusal(verifying: Promise<unknown>): Promise<string> {
  try {
    await verifying;
  } catch (error) {
    if (error instanceof WebhookError) return error.code;
    throw error;
  }
  return "accepted";
}

async function messageOf(failing: () => unknown): Promise<string> {
  try {
    await failing();
  } catch (error) {
    if (error instanceof TypeError) return error.message;
    throw error;
  }
  throw new Error("expected a TypeError");
}

// The first one is GitHub's: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
// The others were computed with OpenSSL.
const vectors = [
  { name: "text", secret, body: "Hello, World!", hex },
  {
    name: "a secret and a body outside of ASCII",
    secret: "clé-de-signature-ünïcode-🔑",
    body: '{"event":"job.succeeded","data":{"job_id":"j-1","result":"Käse €"}}\r\n',
    hex: "3c13abdacdbf9d8a6352acc336f3285ab3840d957d0b7bf28bebff725864dc45",
  },
  {
    name: "an empty body under a generated secret",
    secret: "0123456789abcdef".repeat(4),
    body: "",
    hex: "081247dc68bb7fafbf13220013a0ab71db8b628d679161f87b5e5bd9e19b1494",
  },
];

for (const vector of vectors) {
  test(`sign() gives the known signature of ${vector.name}`, async () => {
    const expected = `sha256=${vector.hex}`;
    expect(await sign(vector.body, vector.secret)).toBe(expected);
    expect(await sign(toBytes(vector.body), vector.secret)).toBe(expected);
    expect(await sign(vector.body, await importSecret(vector.secret))).toBe(expected);
  });

  test(`verifySignature() accepts the known signature of ${vector.name}`, async () => {
    const bytes = toBytes(vector.body);
    expect(await verifySignature(bytes, `sha256=${vector.hex}`, vector.secret)).toBe(bytes);
  });
}

test("sign() agrees with RFC 4231, test case 2", async () => {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", toBytes("Jefe"), algorithm, false, ["sign"]);
  expect(await sign("what do ya want for nothing?", key))
    .toBe("sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
});

const acceptedForms = {
  "sha256= and lower case": `sha256=${hex}`,
  "sha256= and upper case": `sha256=${hex.toUpperCase()}`,
  "bare lower case": hex,
  "bare upper case": hex.toUpperCase(),
};

for (const [form, header] of Object.entries(acceptedForms)) {
  test(`verifySignature() accepts hex as ${form}`, async () => {
    expect(await refusal(verifySignature(body, header, secret))).toBe("accepted");
  });
}

test("verifySignature() accepts a signature's bytes", async () => {
  expect(await refusal(verifySignature(body, parseSignature(hex), secret))).toBe("accepted");
});

for (let length = 1; length < 32; length++) {
  test(`verifySignature() refuses a signature of its first ${length} bytes`, async () => {
    const start = hex.slice(0, length * 2);
    expect(await refusal(verifySignature(body, start, secret))).toBe("invalid_signature");
    expect(await refusal(verifySignature(body, `sha256=${start}`, secret)))
      .toBe("invalid_signature");
    const bytes = parseSignature(hex).slice(0, length);
    expect(await refusal(verifySignature(body, bytes, secret))).toBe("invalid_signature");
  });
}

const base64 = "dXEH6g6yUJ/CESIczphLijdXC211hsIsRvQ3nIsEPhc=";
const refusedForms: Record<string, string> = {
  "33 bytes": `sha256=${hex}00`,
  "33 bytes, bare": `${hex}00`,
  "half a byte more": `sha256=${hex}0`,
  "half a byte less": `sha256=${hex.slice(0, -1)}`,
  "sha256= alone": "sha256=",
  "sha1= as its prefix": `sha1=${hex}`,
  "sha1 in form and length": `sha1=${hex.slice(0, 40)}`,
  "SHA256= as its prefix": `SHA256=${hex}`,
  "sha512= as its prefix": `sha512=${hex}`,
  "its prefix twice": `sha256=sha256=${hex}`,
  "base64": base64,
  "sha256= and base64": `sha256=${base64}`,
  "two values in one header": `sha256=${hex} sha256=${hex}`,
  "two values after one prefix": `sha256=${hex},${hex}`,
  "two headers joined": `sha256=${hex}, sha256=${hex}`,
  "two headers joined, the first one forged": `sha256=${"0".repeat(64)}, sha256=${hex}`,
  "white space before it": ` sha256=${hex}`,
  "white space after it": `sha256=${hex} `,
  "a line end after it": `sha256=${hex}\n`,
  "a line before it": `x\nsha256=${hex}`,
  "a NUL after it": `sha256=${hex}\0`,
  "a digit that is none": `sha256=${hex.slice(0, -1)}g`,
  "full-width digits": `sha256=${hex.replaceAll("0", "０")}`,
  "0x before the digits": `sha256=0x${hex.slice(2)}`,
  "10 kB": `sha256=${"a".repeat(10_240)}`,
  "10 kB that begin well": `sha256=${hex.repeat(160)}`,
  "zeros": `sha256=${"0".repeat(64)}`,
};

for (const [form, header] of Object.entries(refusedForms)) {
  test(`verifySignature() refuses a signature with ${form}`, async () => {
    expect(await refusal(verifySignature(body, header, secret))).toBe("invalid_signature");
  });
}

test("verifySignature() refuses no bytes and 33 bytes", async () => {
  for (const mac of [new Uint8Array(0), new Uint8Array([...parseSignature(hex), 0])]) {
    expect(await refusal(verifySignature(body, mac, secret))).toBe("invalid_signature");
  }
});

for (const header of [null, ""]) {
  test(`verifySignature() says that a signature is missing: ${JSON.stringify(header)}`, async () => {
    expect(await refusal(verifySignature(body, header, secret))).toBe("missing_signature");
  });
}

test("importSecret() makes a key that does not give its secret away", async () => {
  const key = await importSecret(secret);
  await expect(crypto.subtle.exportKey("raw", key)).rejects.toThrow();
});

test("verifySignature() refuses a signature with any one bit flipped", async () => {
  const key = await importSecret(secret);
  for (let bit = 0; bit < 256; bit++) {
    const mac = parseSignature(hex);
    mac[bit >> 3]! ^= 1 << (bit & 7);
    expect(await refusal(verifySignature(body, mac, key)), `bit ${bit}`).toBe("invalid_signature");
  }
});

test("verifySignature() refuses a body with any one bit flipped", async () => {
  const key = await importSecret(secret);
  for (let bit = 0; bit < body.length * 8; bit++) {
    const other = body.slice();
    other[bit >> 3]! ^= 1 << (bit & 7);
    expect(await refusal(verifySignature(other, hex, key)), `bit ${bit}`).toBe("invalid_signature");
  }
});

test("verifySignature() accepts a signature of the previous secret while rotating", async () => {
  const secrets = ["the secret of tomorrow", secret];
  expect(await refusal(verifySignature(body, hex, secrets))).toBe("accepted");
  expect(await refusal(verifySignature(body, hex, await Promise.all(secrets.map(importSecret)))))
    .toBe("accepted");
});

test("verifySignature() refuses a signature of none of its secrets", async () => {
  const secrets = ["the secret of tomorrow", "the secret of last year"];
  expect(await refusal(verifySignature(body, hex, secrets))).toBe("invalid_signature");
});

test("verifySignature() refuses everything when it has no secrets", async () => {
  expect(await refusal(verifySignature(body, hex, []))).toBe("invalid_signature");
  const ofNothing = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
  expect(await refusal(verifySignature(new Uint8Array(0), ofNothing, [])))
    .toBe("invalid_signature");
});

const weakSecrets: Record<string, string> = {
  "that is empty": "",
  "of spaces": " ".repeat(20),
  "of 15 characters": "fifteen-letters",
  "of 15 characters that UTF-16 counts as 30": "🔑".repeat(15),
  "with a space before it": " canary-canary-canary",
  "with a line end after it": "canary-canary-canary\n",
  "with a carriage return after it": "canary-canary-canary\r",
  "with a no-break space after it": "canary-canary-canary\u00a0",
  "with a byte order mark before it": "\ufeffcanary-canary-canary",
};

for (const [kind, weak] of Object.entries(weakSecrets)) {
  test(`verifySignature() throws at a secret ${kind}, and does not repeat it`, async () => {
    for (const secrets of [weak, [weak]]) {
      const message = await messageOf(() => verifySignature(body, hex, secrets));
      expect(message).toContain("expected");
      if (weak !== "") expect(message).not.toContain(weak);
      expect(message).not.toContain("canary");
    }
    expect(await messageOf(() => sign(body, weak))).not.toContain("canary");
    expect(await messageOf(() => importSecret(weak))).not.toContain("canary");
  });
}

test("secretProblem() names the length that came and the one that was expected", () => {
  expect(secretProblem("fifteen-letters")).toBe("expected at least 16 characters, got 15");
});

test("secretProblem() is content with 16 characters", () => {
  for (const fit of ["sixteen-letters!", "two words, three", "🔑".repeat(16)]) {
    expect(secretProblem(fit)).toBeUndefined();
  }
});

const anyBody = fc.uint8Array({ maxLength: 200 }).map((bytes) => new Uint8Array(bytes));
const anySecret = fc.string({ unit: "grapheme", minLength: 16, maxLength: 80 })
  .filter((text) => secretProblem(text) === undefined);

// Any code units: control characters and lone surrogates too.
const anyText = (maxLength: number) =>
  fc.array(fc.oneof(fc.nat(0x7f), fc.nat(0xffff)), { maxLength })
    .map((units) => String.fromCharCode(...units));

test("verifySignature() accepts what sign() made, of any body and any secret", async () => {
  await fc.assert(fc.asyncProperty(anyBody, anySecret, async (bytes, anyOf) => {
    const header = await sign(bytes, anyOf);
    expect(header).toMatch(/^sha256=[0-9a-f]{64}$/);
    expect(await verifySignature(bytes, header, anyOf)).toBe(bytes);
  }));
});

test("verifySignature() refuses any other body than the signed one", async () => {
  const key = await importSecret(secret);
  await fc.assert(fc.asyncProperty(anyBody, anyBody, async (signed, sent) => {
    fc.pre(signed.join() !== sent.join());
    expect(await refusal(verifySignature(sent, await sign(signed, key), key)))
      .toBe("invalid_signature");
  }));
});

test("verifySignature() refuses any other secret than the signer's", async () => {
  await fc.assert(fc.asyncProperty(anyBody, anySecret, anySecret, async (bytes, mine, theirs) => {
    fc.pre(mine !== theirs);
    expect(await refusal(verifySignature(bytes, await sign(bytes, theirs), mine)))
      .toBe("invalid_signature");
  }));
});

test("verifySignature() refuses a header that was edited anywhere", async () => {
  const key = await importSecret(secret);
  const header = `sha256=${hex}`;
  const edit = fc.record({
    at: fc.nat(header.length),
    removed: fc.nat(3),
    inserted: anyText(3),
  });
  await fc.assert(fc.asyncProperty(edit, async ({ at, removed, inserted }) => {
    const edited = header.slice(0, at) + inserted + header.slice(at + removed);
    // The bare form and the other case say the same.
    fc.pre(edited.toLowerCase() !== header && edited.toLowerCase() !== hex && edited !== "");
    expect(await refusal(verifySignature(body, edited, key))).toBe("invalid_signature");
  }));
});

test("verifySignature() refuses any text that is no signature, and throws nothing else", async () => {
  const key = await importSecret(secret);
  await fc.assert(fc.asyncProperty(anyText(100), async (header) => {
    expect(await refusal(verifySignature(body, header, key))).toMatch(/_signature$/);
  }));
});

test("parseSignature() gives 32 bytes for either form and case", () => {
  const expected = [0x75, 0x71, 0x07, 0xea];
  for (const header of Object.values(acceptedForms)) {
    const bytes = parseSignature(header);
    expect(bytes.length).toBe(32);
    expect([...bytes.slice(0, 4)]).toEqual(expected);
  }
});
