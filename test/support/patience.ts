import { vi } from "vitest";

// Where everything runs at once, what is waited for may take longer than the second that vitest has
// for it.
const patienceMs = 10_000;
const patient = Symbol.for("imggo-webhooks.test.patient");

type Options = Parameters<typeof vi.waitFor>[1];

const withPatience = (options: Options): Options =>
  typeof options === "number" ? options : { timeout: patienceMs, ...options };

// Files share a worker, and this is run for each of them.
if (!(patient in vi)) {
  const { waitFor, waitUntil } = vi;
  Object.assign(vi, {
    [patient]: true,
    waitFor: (callback: () => unknown, options?: Options) =>
      waitFor(callback, withPatience(options)),
    waitUntil: (callback: () => unknown, options?: Options) =>
      waitUntil(callback, withPatience(options)),
  });
}
