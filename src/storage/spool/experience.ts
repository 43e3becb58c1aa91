/** What one batch learns of the storage for the next. */
export interface Experience {
  /** How many events are handed over at once. */
  atOnce: number;
  /** The event that failed last, and how often, one time after another. */
  suspect: string | undefined;
  failures: number;
  /** How often the storage took another one instead. */
  othersTaken: number;
}

const mostAtOnce = 16;
// A storage that only fails now and then has nothing set aside.
const suspectAfter = 5;
const convictAfter = 5;

/** Of a storage that may have failed just now. */
export function noExperience(): Experience {
  return { atOnce: 1, suspect: undefined, failures: 0, othersTaken: 0 };
}

/** After a whole batch that went well: a long queue is moved faster and faster. */
export function gainTrust(experience: Experience): void {
  experience.atOnce = Math.min(experience.atOnce * 2, mostAtOnce);
}

/** Whether so much went well that there must be a long queue. */
export function isTrusted({ atOnce }: Experience): boolean {
  return atOnce === mostAtOnce;
}

/** After a failure: one by one, so that the order is kept. */
export function loseTrust(experience: Experience): void {
  experience.atOnce = 1;
}

/**
 * After an event failed by itself: whether the storage refuses it while it takes others.
 *
 * @param takesAnother Tries another one.
 */
export async function isRefusedAlone(
  experience: Experience,
  id: string,
  takesAnother: () => Promise<boolean>,
): Promise<boolean> {
  if (experience.suspect !== id) {
    Object.assign(experience, { suspect: id, failures: 0, othersTaken: 0 });
  }
  experience.failures++;
  if (experience.failures < suspectAfter || !await takesAnother()) return false;
  experience.othersTaken++;
  return experience.othersTaken >= convictAfter;
}
