/** Numbers that look random and follow from a seed. */
export interface Random {
  /** From 0 up to, not including, 1. */
  next(): number;
  /** From `least` up to, not including, `most`. */
  between(least: number, most: number): number;
  /** A whole number from `least` to `most`. */
  whole(least: number, most: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
}

/**
 * sfc32, begun with what FNV-1a makes of a seed and a purpose: what one purpose draws does not
 * change what another gets.
 *
 * @see https://pracrand.sourceforge.net/RNG_engines.txt
 */
export function createRandom(seed: number, purpose: string): Random {
  let [a, b, c, d] = [hash(purpose), seed | 0, Math.floor(seed / 2 ** 32) | 0, 1];
  const draw = (): number => {
    const t = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (t + ((c << 21) | (c >>> 11))) | 0;
    return (t >>> 0) / 2 ** 32;
  };
  for (let round = 0; round < 12; round++) draw();
  const whole = (least: number, most: number) => least + Math.floor(draw() * (most - least + 1));
  return {
    next: draw,
    between: (least, most) => least + draw() * (most - least),
    whole,
    chance: (probability) => draw() < probability,
    pick: <T>(from: readonly T[]) => from[whole(0, from.length - 1)] as T,
  };
}

function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value;
}
