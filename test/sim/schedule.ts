/** Something that will happen. */
export interface Appointment {
  at: number;
  order: number;
  /** What a process set itself; anything else comes from outside. */
  readonly isTimer: boolean;
  readonly owner: Owner | undefined;
  readonly happen: () => void;
  cancelled: boolean;
}

/** In whose name something happens: a process, which may be stopped or killed. */
export interface Owner {
  readonly name: string;
  alive: boolean;
  /** While it is, what is to happen waits here. Undefined: it runs. */
  held: Appointment[] | undefined;
  /** How far its clock is from the right time, in milliseconds. */
  readonly clockOffsetMs: number;
}

/** Virtual time: what happens, one after another, each when it is its time. */
export interface Schedule {
  /** Milliseconds since the beginning. */
  now(): number;
  /** In whose name something happens right now. */
  owner(): Owner | undefined;
  /** Lets something happen in so many milliseconds, in the name of an owner. */
  after(
    milliseconds: number,
    owner: Owner | undefined,
    happen: () => void,
    isTimer?: boolean,
  ): Appointment;
  /** What was held comes up now: the timers first, or what came from outside. */
  release(owner: Owner, areTimersFirst: boolean): void;
  /** The next thing happens, with all that follows from it at once. False: there is nothing left. */
  step(): Promise<boolean>;
}

const realSetImmediate = setImmediate;

/** Makes a schedule that begins at 0. */
export function createSchedule(): Schedule {
  const heap: Appointment[] = [];
  let now = 0;
  let order = 0;
  let current: Owner | undefined;

  const isBefore = (one: Appointment, other: Appointment) =>
    one.at < other.at || one.at === other.at && one.order < other.order;

  const push = (item: Appointment) => {
    let index = heap.push(item) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Appointment;
      if (!isBefore(item, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = item;
  };

  const pop = (): Appointment | undefined => {
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let index = 0;
    while (true) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      const right = child + 1;
      if (right < heap.length && isBefore(heap[right]!, heap[child]!)) child = right;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return first;
  };

  const next = (): Appointment | undefined => {
    for (let first = pop(); first !== undefined; first = pop()) {
      const { owner } = first;
      if (first.cancelled || owner?.alive === false) continue;
      if (owner?.held === undefined) return first;
      owner.held.push(first);
    }
    return undefined;
  };

  return {
    now: () => now,
    owner: () => current,
    after(milliseconds, owner, happen, isTimer = false) {
      const wait = Math.max(0, Number.isFinite(milliseconds) ? milliseconds : 0);
      const item = { at: now + wait, order: order++, isTimer, owner, happen, cancelled: false };
      push(item);
      return item;
    },
    release(owner, areTimersFirst) {
      const { held = [] } = owner;
      owner.held = undefined;
      // They were held in the order in which they were to happen.
      const ranked = [...held].sort((one, other) =>
        Number(one.isTimer !== areTimersFirst) - Number(other.isTimer !== areTimersFirst)
      );
      for (const item of ranked) push(Object.assign(item, { at: now, order: order++ }));
    },
    async step() {
      const first = next();
      if (first === undefined) return false;
      now = Math.max(now, first.at);
      current = first.owner;
      first.happen();
      // All that follows at once, however long the chain of promises, is done before this comes.
      await new Promise((resolve) => realSetImmediate(resolve));
      current = undefined;
      return true;
    },
  };
}
