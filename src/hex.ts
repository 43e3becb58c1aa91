/** Bytes as lower-case hexadecimal digits. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The bytes of an even number of hexadecimal digits in either case; nothing else may be given. */
export function fromHex(digits: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(digits.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = digitAt(digits, index * 2) << 4 | digitAt(digits, index * 2 + 1);
  }
  return bytes;
}

function digitAt(digits: string, index: number): number {
  const code = digits.charCodeAt(index);
  // `0` to `9` are 0x30 to 0x39; `A` and `a` are 0x41 and 0x61.
  return code < 0x40 ? code & 15 : (code & 15) + 9;
}
