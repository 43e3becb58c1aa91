import { load } from "./load.ts";
import { malformed } from "./malformed.ts";

/** The rows of CSV that has the names of its columns first. Cells that are missing are empty. */
export async function parseCsv(
  text: string,
): Promise<{ readonly rows: readonly Readonly<Record<string, string>>[] }> {
  const { default: { parse } } = await load("CSV", "papaparse", import("papaparse"));
  const { data: [names = [], ...lines], errors } = parse<string[]>(text.replace(/^\ufeff/, ""), {
    delimiter: delimiterOf(text),
    skipEmptyLines: "greedy",
  });
  const unquoted = errors.find(({ type }) => type === "Quotes");
  if (unquoted !== undefined) throw malformed("CSV", "a quotation mark is not closed");
  const columns = names.map((name) => name.trim());
  if (new Set(columns).size < columns.length) throw malformed("CSV", "two columns have one name");
  const rows = lines.map((cells, index) => {
    if (cells.slice(columns.length).some((cell) => cell !== "")) {
      throw malformed("CSV", `row ${index + 1} has more cells than there are columns`);
    }
    return Object.fromEntries(columns.map((name, at) => [name, cells[at] ?? ""]));
  });
  return { rows };
}

/** ImgGo's patterns have one of two. By the names of the columns: values may well hold the other. */
function delimiterOf(text: string): "," | ";" {
  const [head = ""] = text.trimStart().split("\n", 1);
  const count = (delimiter: string) => head.split(delimiter).length;
  return count(";") > count(",") ? ";" : ",";
}
