import fc from "fast-check";
import { sign } from "imggo-webhooks";
import { exchange } from "../support/raw-http.ts";
import type { Campaign } from "./campaign.ts";
import { anyHostileConnection, type SignedRequest } from "./hostile-bytes.ts";
import { secrets } from "./requests.ts";

/** The only body that may be stored of what {@linkcode sendHostileBytes} sends. */
export const hostileBody =
  '{"event":"job.succeeded","job_id":"hostile","result":{"text":"K\u00e4se \u{1f9c0}"}}';

// Not an event's, but of the protocol: a method, or a version of HTTP, that the server has not.
const ofTheProtocol = [501, 505];

// They wait more than they work.
const together = 40;

/**
 * Opens connections of clients that are broken or mean harm, several at a time.
 *
 * @throws {Error} with the seed, where one is answered a 5xx or hangs.
 */
export async function sendHostileBytes(url: string, { cases, seed }: Campaign): Promise<void> {
  const request: SignedRequest = {
    signature: await sign(hostileBody, String(secrets[0])),
    body: hostileBody,
  };
  const connections = fc.array(anyHostileConnection(request), {
    minLength: together,
    maxLength: together,
  });
  await fc.assert(
    fc.asyncProperty(connections, async (opened) => {
      await Promise.all(opened.map(async ({ packets, leaves }) => {
        const { answers, hung } = await exchange(url, packets, leaves);
        const sent = JSON.stringify(Buffer.concat(packets).toString("latin1").slice(0, 500));
        if (hung) throw new Error(`a connection hangs after ${sent}`);
        for (const { status } of answers) {
          if (status < 500 || ofTheProtocol.includes(status)) continue;
          throw new Error(`answered ${status} after ${sent}`);
        }
      }));
    }),
    { numRuns: Math.ceil(cases / together), seed, endOnFailure: true },
  );
}
