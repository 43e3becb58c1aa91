import { deadStatements } from "./dead-statements.ts";
import { type ExpectationRows, expectationStatements } from "./expectation-statements.ts";
import { filteredPages, type FilteredRow, type Source } from "./list-statements.ts";
import { type RejectionRows, rejectionStatements } from "./rejection-statements.ts";
import { type StatsRow, statsStatement } from "./stats.ts";
import { type Rows as EventRows, statements } from "./statements.ts";

/** The name of a statement. */
export type StatementName =
  | keyof typeof statements
  | keyof typeof deadStatements
  | keyof typeof expectationStatements
  | keyof typeof rejectionStatements
  | Source
  | "stats";

/** What the rows of those that give any hold. */
export type Rows =
  & EventRows
  & ExpectationRows
  & RejectionRows
  & Readonly<Record<Source, FilteredRow>>
  & {
    readonly countDead: { readonly count: number };
    readonly redrive: { readonly event_seq: number };
    readonly stats: StatsRow;
  };

/** Every statement of the storage, by name. */
export const sqlOf: Readonly<Record<StatementName, string>> = {
  ...statements,
  ...deadStatements,
  ...expectationStatements,
  ...rejectionStatements,
  ...filteredPages,
  stats: statsStatement,
};
