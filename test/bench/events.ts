import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";

/** The secret of every server. */
export const secret = "a secret only for the benchmark";

/** Prepared events: a file with a line for each, `<hex of its signature> <body>`. */
export interface Events {
  readonly file: string;
  readonly count: number;
}

/** Some of them that follow each other. */
export interface Slice extends Events {
  /** How many come before. */
  readonly skip: number;
}

/** The hex of a body's signature. */
export function signatureOf(body: string | Uint8Array): string {
  return createHmac("sha256", secret).update(body).digest("hex");
}

/** A job's id: a UUID, as ImgGo's are, so that keys come in no order. The same in each run. */
function jobId(index: number): string {
  const hex = createHash("md5").update(String(index)).digest("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** The body of a job that succeeded: about 400 bytes. */
export function bodyOf(index: number): string {
  return JSON.stringify({
    event: "job.succeeded",
    data: {
      job_id: jobId(index),
      pattern_id: "pat_invoices",
      status: "succeeded",
      result: {
        vendor: "Käse & Söhne GmbH",
        invoice_number: `INV-${index}`,
        date: "2026-11-23",
        currency: "EUR",
        total: 1234.5,
        items: [
          { name: "Paper, A4, 80 g/m²", quantity: 3, price: 4.5 },
          { name: "Ink", quantity: 1, price: 1221 },
        ],
      },
      confidence: 0.97,
      processing_time_ms: 2310,
    },
    timestamp: "2026-11-23T10:00:00.000Z",
  });
}

/** Writes so many signed events, no two of the same job. */
export async function prepareEvents(folder: string, count: number): Promise<Events> {
  const file = join(folder, "events.txt");
  const stream = createWriteStream(file);
  let lines = "";
  for (let index = 0; index < count; index++) {
    const body = bodyOf(index);
    lines += `${signatureOf(body)} ${body}\n`;
    if (index % 2_000 === 0) {
      if (!stream.write(lines)) await once(stream, "drain");
      lines = "";
    }
  }
  stream.end(lines);
  await once(stream, "finish");
  return { file, count };
}
