import { afterAll, vi } from "vitest";
import { endProcesses } from "./process.ts";

// Files of tests follow each other in one worker: none finds what the one before it left.
afterAll(() => {
  vi.useRealTimers();
  endProcesses();
});
