import fc from "fast-check";
import type { Outcome } from "imggo-webhooks";
import { minute, second } from "./calls.ts";

/** A call, with what it takes; of jobs, leases and processors what the model finds by it. */
export type Step =
  | {
    readonly call: "accept";
    readonly job: number;
    readonly name: string;
    /** Whose deliveries it asks to claim, and for how long. */
    readonly only: string;
    readonly leaseMs: number;
  }
  | {
    readonly call: "claim";
    readonly limit: number;
    readonly leaseMs: number;
    readonly only: string;
  }
  | { readonly call: "settle"; readonly lease: number; readonly outcome: Outcome }
  | { readonly call: "renew"; readonly lease: number; readonly leaseMs: number }
  | {
    readonly call: "redeliver";
    readonly job: number;
    readonly name: string;
    readonly only: string;
  }
  | { readonly call: "redrive"; readonly limit: number; readonly only: string }
  | { readonly call: "advance"; readonly milliseconds: number };

/**
 * Any call. Time goes by in tens of seconds and nothing lasts a multiple of them, so that a storage
 * whose clock runs on by itself never differs from the model.
 */
export const step: fc.Arbitrary<Step> = (() => {
  const lease = fc.nat({ max: 30 });
  const leaseMs = fc.constantFrom(15 * second, 35 * second);
  const error = "again";
  const outcome = fc.oneof(
    fc.constantFrom<Outcome>({ kind: "succeeded" }, { kind: "dead", error }, { kind: "released" }),
    fc.constantFrom(0, 5 * second, 25 * second)
      .map((afterMs): Outcome => ({ kind: "retry", afterMs, error })),
  );
  const call = <Name extends Step["call"]>(name: Name) => fc.constant(name);
  const job = fc.nat({ max: 1 });
  const name = fc.constantFrom("job.succeeded", "job.failed");
  const limit = fc.integer({ min: 1, max: 4 });
  const only = fc.constantFrom("a", "b", "abc", "abc");
  const milliseconds = fc.constantFrom(10 * second, 20 * second, minute);
  return fc.oneof(
    {
      weight: 2,
      arbitrary: fc.record({
        call: call("accept"),
        job,
        name,
        only: fc.constantFrom("", "", "a", "abc"),
        leaseMs,
      }),
    },
    { weight: 4, arbitrary: fc.record({ call: call("claim"), limit, leaseMs, only }) },
    { weight: 3, arbitrary: fc.record({ call: call("settle"), lease, outcome }) },
    { weight: 1, arbitrary: fc.record({ call: call("renew"), lease, leaseMs }) },
    { weight: 1, arbitrary: fc.record({ call: call("redeliver"), job, name, only }) },
    { weight: 1, arbitrary: fc.record({ call: call("redrive"), limit, only }) },
    { weight: 2, arbitrary: fc.record({ call: call("advance"), milliseconds }) },
  );
})();
