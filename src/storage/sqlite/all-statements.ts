import type { ActivityRow } from "./activity-rows.ts";
import { activityStatements } from "./activity-statements.ts";
import { type AttemptsRow, attemptStatements } from "./attempt-statements.ts";
import { type DeadRows, deadStatements } from "./dead-statements.ts";
import { eventStatements } from "./event-statements.ts";
import { type ExpectationRows, expectationStatements } from "./expectation-statements.ts";
import {
  type AheadRows,
  aheadStatements,
  filteredPages,
  type FilteredRow,
  type Source,
} from "./list-statements.ts";
import { keepStatements, type RejectionRows, rejectionStatements } from "./rejection-statements.ts";
import { sharedStatements } from "./shared-statements.ts";
import { type StatsRow, statsStatement } from "./stats.ts";
import { type Rows as EventRows, statements } from "./statements.ts";

/** The name of a statement. */
export type StatementName =
  | keyof typeof statements
  | keyof typeof sharedStatements
  | keyof typeof eventStatements
  | keyof typeof activityStatements
  | keyof typeof aheadStatements
  | keyof typeof attemptStatements
  | keyof typeof deadStatements
  | keyof typeof expectationStatements
  | keyof typeof keepStatements
  | keyof typeof rejectionStatements
  | Source
  | "stats";

/** What the rows of those that give any hold. */
export type Rows =
  & EventRows
  & AheadRows
  & DeadRows
  & ExpectationRows
  & RejectionRows
  & Readonly<Record<Source, FilteredRow>>
  & {
    readonly activity: ActivityRow;
    readonly attempts: AttemptsRow;
    readonly stats: StatsRow;
  };

/** Every statement of the storage, by name. */
export const sqlOf: Readonly<Record<StatementName, string>> = {
  ...statements,
  ...sharedStatements,
  ...eventStatements,
  ...activityStatements,
  ...aheadStatements,
  ...attemptStatements,
  ...deadStatements,
  ...expectationStatements,
  ...keepStatements,
  ...rejectionStatements,
  ...filteredPages,
  stats: statsStatement,
};
