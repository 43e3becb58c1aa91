/** A line: its cells by the names of their columns. */
export type Row = Readonly<Record<string, string>>;

/** Lines under a title. */
export interface Table {
  readonly title: string;
  /** All of one set of columns; a line may lack some. */
  readonly rows: readonly Row[];
}

/** Lines in Markdown, aligned; the columns in the order in which they first appear. */
function formatRows(rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const widths = columns.map((column) =>
    Math.max(3, column.length, ...rows.map((row) => row[column]?.length ?? 0))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(" | ")} |`;
  return [
    line(columns),
    `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`,
    ...rows.map((row) => line(columns.map((column) => row[column] ?? ""))),
  ].join("\n");
}

/** A table as it is printed. */
export function formatTable({ title, rows }: Table): string {
  return `### ${title}\n\n${formatRows(rows)}\n`;
}
