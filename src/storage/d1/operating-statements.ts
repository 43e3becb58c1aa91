import { activityStatements } from "../sqlite/activity-statements.ts";
import { attemptStatements, historyWithSuccess } from "../sqlite/attempt-statements.ts";
import { deadStatements } from "../sqlite/dead-statements.ts";
import { eventStatements } from "../sqlite/event-statements.ts";
import { expectationStatements } from "../sqlite/expectation-statements.ts";
import {
  aheadStatements,
  deliveriesOfFilteredPages,
  filteredPages,
  type Source,
} from "../sqlite/list-statements.ts";
import { rejectionStatements } from "../sqlite/rejection-statements.ts";
import { statsStatement } from "../sqlite/stats.ts";
import { bodyColumns } from "./body.ts";
import { byEventId } from "./receiving-statements.ts";

const ownStatements = {
  event: `${eventStatements.event}`,
  deliveriesOfEvent: `${byEventId(eventStatements.deliveries)}`,
  page: `${eventStatements.page}`,
  deliveriesOfPage: `SELECT event_seq, processor, state, attempts, due_at, last_error
    FROM deliveries WHERE event_seq IN (SELECT seq FROM events WHERE seq < ? ORDER BY seq DESC
      LIMIT ?) ORDER BY event_seq, processor`,
  textOfBody: `SELECT ${bodyColumns} FROM events WHERE id = ?`,
  forgetKeys: `${eventStatements.forgetKeys}`,
  // What is prunable stays so, and the first of it the same, while its deliveries are deleted.
  expireKeys: `UPDATE keys SET expires_at = ?3
    WHERE key IN (SELECT key FROM events WHERE seq IN (${prunable()}))`,
  deleteTraces: `DELETE FROM traces WHERE event_seq IN (${prunable()})`,
  deleteDeliveries: `DELETE FROM deliveries WHERE event_seq IN (${prunable()})`,
  deleteEvents: `DELETE FROM events WHERE seq IN (${prunable()}) RETURNING seq`,
  redeliver: `INSERT INTO deliveries (event_seq, processor, due_at)
    SELECT seq, value, ?3 FROM events CROSS JOIN json_each(?2)
    WHERE events.id = ?1 AND state = 'accepted'
    ON CONFLICT DO UPDATE SET state = 0, attempts = 0, due_at = excluded.due_at,
      history = ${historyWithSuccess}
    WHERE deliveries.state > 1 RETURNING processor`,
  textOfRejection: `SELECT ${bodyColumns} FROM rejections WHERE id = ?`,
  stats: `${statsStatement}`,
};

type Name =
  | keyof typeof ownStatements
  | keyof typeof activityStatements
  | keyof typeof aheadStatements
  | keyof typeof attemptStatements
  | keyof typeof deadStatements
  | keyof typeof expectationStatements
  | keyof typeof rejectionStatements
  | Source
  | `${Source}Deliveries`;

/** What everything else takes, by name: what operators do, pruning, and asking ImgGo. */
export const operatingStatements: Readonly<Record<Name, string>> = {
  ...ownStatements,
  ...activityStatements,
  ...aheadStatements,
  ...attemptStatements,
  ...deadStatements,
  ...expectationStatements,
  ...rejectionStatements,
  ...filteredPages,
  ...deliveriesOfFilteredPages,
};

function prunable(): string {
  return eventStatements.prunable.replace("?", "?1").replace("LIMIT ?", "LIMIT ?2");
}
