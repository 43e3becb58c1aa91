import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { counters, gauges, histograms } from "../../src/metrics/catalogue.ts";
import { counterSeries, histogramSeries } from "../../src/metrics/series.ts";
import { root } from "../support/process.ts";

const read = (name: string) => readFile(join(root, "src/metrics", name), "utf8");

/** What can be asked for, by name, with its labels. */
const known = new Map<string, ReadonlySet<string>>();
for (const name of Object.keys(gauges)) known.set(name, new Set());
for (const { name, labels } of counterSeries(["any"])) {
  known.set(name, new Set(Object.keys(labels)));
}
for (const { name, labels } of histogramSeries(["any"])) {
  for (const ending of ["count", "sum", "bucket"]) {
    known.set(
      `${name}_${ending}`,
      new Set([...Object.keys(labels), ending === "bucket" ? "le" : []].flat()),
    );
  }
}

/** Expects an expression to ask only for what there is. */
function expectKnown(expression: string): void {
  const names = [...expression.matchAll(/\bimggo_webhooks_\w+/g)].map(([name]) => name);
  expect([...known.keys()]).toEqual(expect.arrayContaining(names));
  const named = new Set([
    "job",
    "instance",
    ...names.flatMap((name) => [...known.get(name) ?? []]),
  ]);
  const groups = [...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, by = ""]) =>
    by.split(", ")
  );
  const matched = [...expression.matchAll(/(\w+)(?==~?"|!=")/g)].map(([, label]) => label);
  expect([...named], expression).toEqual(expect.arrayContaining([...groups, ...matched]));
}

/** The names that are written out in a text, without endings. */
function namedIn(text: string): Set<string> {
  const names = [...text.matchAll(/\bimggo_webhooks_\w+/g)].map(([name]) => name);
  return new Set(names.map((name) => name.replace(/_(?:bucket|sum|count)$/, "")));
}

const all = [counters, histograms, gauges].flatMap((each) => Object.keys(each));

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
}

describe("the dashboard", () => {
  test("asks only for metrics that there are, and leaves none out", async () => {
    const text = await read("grafana-dashboard.json");
    const { panels }: { panels: readonly Panel[] } = JSON.parse(text);
    const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    expect(expressions.length).toBeGreaterThan(15);
    for (const expression of expressions) {
      expectKnown(expression);
      expect(expression).toContain('job=~"$job"');
    }
    expect([...namedIn(expressions.join(" "))].sort()).toEqual([...all].sort());
  });

  test("has its data source as a variable, and panels that do not overlap", async () => {
    const text = await read("grafana-dashboard.json");
    const { panels, templating }: {
      panels: readonly Panel[];
      templating: { list: readonly { name: string; type: string }[] };
    } = JSON.parse(text);
    expect(templating.list).toContainEqual(
      expect.objectContaining({ name: "datasource", type: "datasource" }),
    );
    const sources = [...text.matchAll(/"uid": "([^"]*)"/g)].map(([, uid]) => uid);
    expect(new Set(sources)).toEqual(new Set(["${datasource}", "imggo-webhooks"]));
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + at % w},${y + Math.floor(at / w)}`)
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(cells.every((cell) => Number(cell.split(",")[0]) < 24)).toBe(true);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
  });
});

describe("the README of the metrics", () => {
  const blocks = async () =>
    [...(await read("README.md")).matchAll(/^```yaml\n([^]*?)^```$/gm)]
      .map(([, block = ""]) => parse(block));

  test("has a row for each metric, with its kind and labels, and for no other", async () => {
    const rows = [
      ...(await read("README.md")).matchAll(/^\| `(\w+)(?:\{([\w,]+)\})?` +\| (\w+) /gm),
    ]
      .map(([, name, labels = "", kind]) => `${kind} imggo_webhooks_${name} ${labels}`);
    const labelsOf = (name: string) =>
      Object.keys(
        [...counterSeries(["any"]), ...histogramSeries(["any"])].find((each) => each.name === name)
          ?.labels ?? {},
      ).join(",");
    const kinds = { counter: counters, histogram: histograms, gauge: gauges };
    expect(rows.sort()).toEqual(
      Object.entries(kinds)
        .flatMap(([kind, metrics]) =>
          Object.keys(metrics).map((name) => `${kind} ${name} ${labelsOf(name)}`)
        )
        .sort(),
    );
  });

  test("has rules for alerts that ask only for metrics that there are", async () => {
    const rules = (await blocks()).flatMap(({ groups = [] }) => groups)
      .flatMap((group: { rules: readonly Record<string, unknown>[] }) => group.rules);
    const asked = rules.map(({ expr }) => String(expr));
    for (const expression of asked) expectKnown(expression);
    const needed = [
      "last_event_age_seconds",
      "requests_total",
      "rejections",
      "quarantined",
      "oldest_pending_seconds",
      "dead",
      "overdue",
      "spooled",
      "storage_up",
    ];
    expect([...namedIn(asked.join(" "))].sort())
      .toEqual(needed.map((name) => `imggo_webhooks_${name}`).sort());
    for (const rule of rules) {
      expect(rule).toMatchObject({
        alert: expect.stringMatching(/^ImgGoWebhooks\w+$/),
        labels: { severity: expect.stringMatching(/^(?:warning|critical)$/) },
        annotations: { summary: expect.any(String) },
      });
    }
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });

  test("has a scrape that brings the token", async () => {
    const [{ scrape_configs: [scrape] }] = await blocks();
    expect(scrape.authorization.credentials_file).toMatch(/^\//);
    expect(scrape.static_configs[0].targets.length).toBeGreaterThan(1);
  });
});
