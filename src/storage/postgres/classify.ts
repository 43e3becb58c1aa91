import { StorageError, type StorageErrorCode } from "../storage.ts";

interface ErrorClass {
  readonly code: StorageErrorCode;
  /**
   * How the codes begin: PostgreSQL's SQLSTATEs, and those of the clients and of the network.
   * https://www.postgresql.org/docs/current/errcodes-appendix.html
   */
  readonly codes: RegExp;
  /** What an operator has to know or do. */
  readonly advice: string;
}

const classes: readonly ErrorClass[] = [
  { code: "busy", codes: /^(?:40001|40P01|55P03)$/, advice: "Others write the same rows." },
  { code: "full", codes: /^53100$/, advice: "Free some space on the database's disk." },
  {
    code: "readonly",
    codes: /^25006$/,
    advice: "Expected a server that can be written to: this one is a standby, or set so.",
  },
  {
    code: "corrupt",
    codes: /^XX00[12]$/,
    advice: "The database is damaged: restore it.",
  },
  {
    code: "schema",
    codes: /^(?:42P0[17]|42703|42710|42723|42804|42883|3F000)$/,
    advice: "The schema's tables are not those of this program: name another schema.",
  },
  {
    code: "unavailable",
    codes: /^(?:E[A-Z]{4,}|EAI_AGAIN|CONNECT_TIMEOUT)$/,
    advice: "Expected a server that runs and can be reached there.",
  },
  {
    code: "denied",
    codes: /^(?:28...|3D000|42501)$/,
    advice:
      "Expected a user, a password and a database that are there, and the right to create a " +
      "schema at the first start.",
  },
];

/** What an error of PostgreSQL, of a client or of the network means, and what to do about it. */
export function classify(error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const { message = "" } = Object(error) as { message?: unknown };
  const code = codeOf(error);
  const found = classes.find(({ codes }) => codes.test(code));
  // What the network says may come without words, or as several errors at once.
  const said = String(message || code || "no connection").replace(/\.$/, "");
  const text = `PostgreSQL: ${said}. ${found?.advice ?? ""}`.trim();
  return new StorageError(found?.code ?? "unavailable", text, { cause: error });
}

/** The SQLSTATE of an answer, which Bun has beside a code of its own, or what the network says. */
export function codeOf(error: unknown): string {
  const { code, errno } = Object(error) as { code?: unknown; errno?: unknown };
  return String(typeof errno === "string" ? errno : code ?? "");
}

/** Whether the same call may well succeed a moment later. */
export function mayPass({ code }: StorageError): boolean {
  return code === "busy" || code === "unavailable" || code === "readonly";
}
