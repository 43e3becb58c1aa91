import { expect, test } from "vitest";
import { tooOldFor } from "../../src/cli/node-version.ts";

test.each(["22.13.0", "22.13.1", "22.21.0", "23.0.0", "24.21.0", "100.0.0"])(
  "tooOldFor() has nothing against %s where 22.13 is needed",
  (version) => expect(tooOldFor(">=22.13", version)).toBeUndefined(),
);

test.each(["22.12.0", "20.20.2", "18.0.0"])(
  "tooOldFor() says what is needed where %s is older than 22.13",
  (version) => {
    expect(tooOldFor(">=22.13", version)).toBe(
      `needs Node.js 22.13 or newer; this is ${version}. Get one from https://nodejs.org`,
    );
  },
);
