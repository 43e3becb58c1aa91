import { type GaugeName, gauges } from "../metrics/catalogue.ts";
import { readStorageGauges, type StorageGauges } from "../metrics/storage-gauges.ts";
import type { Storage } from "../storage/storage.ts";
import type { OpenTelemetryMeter } from "./api.ts";

// However often is exported, and by however many.
const freshForMs = 5_000;
const readWithinMs = 3_000;

/** Tells how a storage is, whenever that is exported. */
export function observeGauges(meter: OpenTelemetryMeter, storage: () => Storage): void {
  const observed = new Map(
    Object.entries(gauges).map(([name, { help: description }]) => {
      const unit = name.endsWith("_seconds") ? { unit: "s" } : {};
      return [name as GaugeName, meter.createObservableGauge(name, { description, ...unit })];
    }),
  );
  let last: { readonly at: number; readonly values: StorageGauges } | undefined;

  meter.addBatchObservableCallback(async (into) => {
    if (last === undefined || performance.now() - last.at > freshForMs) {
      const values = await readStorageGauges(storage(), readWithinMs);
      last = { at: performance.now(), values };
    }
    for (const [name, gauge] of observed) {
      const value = last.values[name];
      if (value !== undefined) into.observe(gauge, value);
    }
  }, [...observed.values()]);
}
