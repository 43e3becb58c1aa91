import { memoryStorage } from "imggo-webhooks/storage/memory";
import { describeStorage, testClock } from "./contract.ts";

describeStorage("memoryStorage()", {
  create() {
    const clock = testClock();
    return { open: () => memoryStorage(clock), advance: clock.advance, dispose() {} };
  },
  divergences: { sharedData: "what it keeps is the object's own and ends with it" },
});
