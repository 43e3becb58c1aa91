import { setImmediate } from "node:timers";
import type { Answer } from "../../answer.ts";
import type { WebhookRequest } from "../../webhook.ts";

/**
 * Receives requests whose bodies came in one turn of the event loop one step beside the other, once
 * all of them are there. Between two system calls a CPU forgets most of the code that a request
 * takes: worked through one by one, each takes two to three times as long.
 */
export function byTurns(
  receive: (request: WebhookRequest) => Promise<Answer>,
): (request: WebhookRequest) => Promise<Answer> {
  let turn: Promise<void> | undefined;
  const nextTurn = () =>
    turn ??= new Promise((resolve) =>
      setImmediate(() => {
        turn = undefined;
        resolve();
      })
    );

  return ({ header, body }) =>
    receive({
      header,
      async body(limits) {
        const bytes = await body(limits);
        await nextTurn();
        return bytes;
      },
    });
}
