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
  for (const byte of crypto.getRandomValues(new Uint8Array(16))) random += alphabet[byte % 32];
  return `${time}${random}`;
}
