import process from "node:process";

/**
 * Whether the faults last as long, and are as many, as the table says: `npm run test:faults`. The
 * short forms differ in nothing else.
 */
export const isLong: boolean = process.env["FAULTS"] === "long";
