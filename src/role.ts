/** What a process does: receive events, work through deliveries, or both. */
export type Role = "all" | "receiver" | "worker";

/** Each role there is. */
export const roles: readonly Role[] = ["all", "receiver", "worker"];
