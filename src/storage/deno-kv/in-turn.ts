/**
 * Makes what runs all work of one name one after the other, in the order of the calls: what changes
 * one record would else only get in each other's way.
 */
export function createTurns(): <T>(name: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return (name, work) => {
    const result = (last.get(name) ?? Promise.resolve()).then(work);
    last.set(name, result.catch(() => {}));
    return result;
  };
}
