import type { DeliveryState, EventState } from "../../storage/storage.ts";
import type { Color } from "../output.ts";

const ofEvents: Readonly<Record<EventState, Color | undefined>> = {
  accepted: undefined,
  ignored: "dim",
  quarantined: "yellow",
  superseded: "dim",
};

const ofDeliveries: Readonly<Record<DeliveryState, Color | undefined>> = {
  pending: undefined,
  running: undefined,
  succeeded: "green",
  dead: "red",
};

/** The colour of an event's or a delivery's state. */
export function stateColor(state: string): Color | undefined {
  return { ...ofEvents, ...ofDeliveries }[state as EventState | DeliveryState];
}
