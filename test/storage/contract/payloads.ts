import { bytes } from "./calls.ts";

/** Bodies that a storage might not keep as they are, by what they hold. */
export const payloads: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "no bytes": bytes(),
  "text beyond ASCII": new TextEncoder().encode('{"name":"Zoë 例 🧾 \u202e"}'),
  "NUL bytes": bytes(0, 65, 0, 0, 66, 0),
  "a NUL byte alone": bytes(0),
  "invalid UTF-8": bytes(0xc3, 0x28, 0xff, 0xfe, 0xed, 0xa0, 0x80, 0x80),
  "a byte order mark and line ends": bytes(0xef, 0xbb, 0xbf, 13, 10, 13, 26),
  "every byte value": Uint8Array.from({ length: 256 }, (_, index) => index),
  "1 MiB": Uint8Array.from({ length: 1_048_576 }, (_, index) => (index * 31) >> 3),
};
