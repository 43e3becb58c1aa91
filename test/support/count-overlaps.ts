import type { Storage } from "imggo-webhooks";

/** An `accept()`, and how many calls of it were under way as each one began, that one included. */
export interface CountedAccept {
  readonly accept: Storage["accept"];
  readonly together: number[];
}

/** The same `accept()`, a turn of the event loop later, so that calls made at once overlap. */
export function countOverlaps(accept: Storage["accept"]): CountedAccept {
  const together: number[] = [];
  let underWay = 0;
  return {
    together,
    async accept(...of) {
      together.push(++underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay--;
      return await accept(...of);
    },
  };
}
