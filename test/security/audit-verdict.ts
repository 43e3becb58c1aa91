/** What `npm audit` found, or that it could not look. */
export interface AuditVerdict {
  readonly kind: "clean" | "vulnerable" | "not audited";
  /** One line for whoever reads the log of the checks. */
  readonly text: string;
}

/**
 * Reads what `npm audit --json` prints. A registry without the audit's endpoint, and no network, are
 * no finding, and no all-clear either.
 */
export function auditVerdict(printed: string): AuditVerdict {
  const report = parse(printed);
  const total = report?.metadata?.vulnerabilities?.total;
  if (total === 0) return { kind: "clean", text: "npm audit: no known vulnerabilities." };
  if (total !== undefined && total > 0) {
    const names = Object.entries(report?.vulnerabilities ?? {})
      .map(([name, { severity }]) => `${name} (${severity})`);
    return { kind: "vulnerable", text: `npm audit: ${total} vulnerable: ${names.join(", ")}.` };
  }
  const reason = (report?.message ?? printed.trim().split("\n")[0]) || "it printed nothing";
  return {
    kind: "not audited",
    text: "NOT AUDITED: the registry did not say which dependencies are vulnerable " +
      `(${reason.slice(0, 200)}). Run \`npm run audit\` where it does.`,
  };
}

interface AuditReport {
  readonly message?: string;
  readonly metadata?: { readonly vulnerabilities?: { readonly total?: number } };
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string }>>;
}

function parse(text: string): AuditReport | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
