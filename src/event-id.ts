const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/**
 * A new event's id: `evt_`, ten characters of time and sixteen at random (a ULID in lower case),
 * so that ids sort by when they were made and are never made twice.
 *
 * @param now Milliseconds since 1970.
 * @see https://github.com/ulid/spec
 */
export function createEventId(now: number): string {
  return `evt_${ulid(now)}`;
}

/** A new rejection's id: `rej_`, and the rest as of an event's. */
export function createRejectionId(now: number): string {
  return `rej_${ulid(now)}`;
}

function ulid(now: number): string {
  let time = "";
  for (let rest = now, digit = 0; digit < 10; digit++) {
    time = alphabet[rest % 32] + time;
    rest = Math.floor(rest / 32);
  }
  let random = "";
  for (const byte of sixteenRandomBytes()) random += alphabet[byte % 32];
  return `${time}${random}`;
}

// Asked for many at a time: each call goes to the system and back, which costs more than the bytes.
const drawn = new Uint8Array(4_096);
let used = drawn.length;
let source: Crypto | undefined;

function sixteenRandomBytes(): Uint8Array {
  // A simulation brings another source, whose bytes are to depend on nothing that was before it.
  if (used === drawn.length || source !== crypto) {
    source = crypto;
    source.getRandomValues(drawn);
    used = 0;
  }
  used += 16;
  return drawn.subarray(used - 16, used);
}
