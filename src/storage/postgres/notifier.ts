/** Tells other processes that something is due. */
export interface Notifier {
  /** Does it now, or with the others that come within a moment. Never fails. */
  notify(): void;
}

// PostgreSQL lets notifying transactions commit one after another only: of a burst, few notify.
const restMs = 25;

/** Makes one of a function that sends a notification. */
export function createNotifier(send: () => Promise<unknown>): Notifier {
  let resting = false;
  let wanted = false;

  const notify = (): void => {
    wanted = true;
    if (resting) return;
    resting = true;
    wanted = false;
    const rest = () => {
      const timer = setTimeout(() => {
        resting = false;
        if (wanted) notify();
      }, restMs);
      (timer as { unref?: () => void }).unref?.();
    };
    // Whoever is not told asks by itself a little later.
    send().then(rest, rest);
  };

  return { notify };
}
