import { expect, test } from "vitest";
import { acceptedFormat } from "../../src/metrics/accepted-format.ts";
import { contentTypes, type ExpositionFormat } from "../../src/metrics/exposition.ts";
import { answerMetrics, createMetrics } from "../../src/metrics/metrics.ts";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { parseExposition } from "../support/parse-exposition.ts";

const prometheus3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6," +
  "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4," +
  "text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

const accepted: readonly (readonly [string | null, ExpositionFormat])[] = [
  [null, "openmetrics"],
  ["*/*", "openmetrics"],
  ["text/html,*/*;q=0.8", "openmetrics"],
  [prometheus3, "openmetrics"],
  ["text/plain, application/openmetrics-text", "openmetrics"],
  ["__proto__, constructor;q=2", "openmetrics"],
  ["text/plain", "prometheus"],
  ["Text/Plain; version=0.0.4", "prometheus"],
  ["text/plain;version=0.0.4;q=0.3,*/*;q=0.1", "prometheus"],
  ["text/plain;q=0.9,application/openmetrics-text;q=0.2", "prometheus"],
  ["application/openmetrics-text;q=0,text/plain;q=0.1", "prometheus"],
];

test.each(accepted)("acceptedFormat() of %j is %s", (accept, format) => {
  expect(acceptedFormat(accept)).toBe(format);
});

test.each(["openmetrics", "prometheus"] as const)(
  "answerMetrics() answers in the format of %s, which has no fault",
  async (format) => {
    const metrics = createMetrics();
    metrics.observer.attempted({ processor: "invoices", result: "retry", durationMs: 70_000 });
    const host = { storage: memoryStorage(), processors: ["invoices", "books"] };
    const headers = { Accept: contentTypes[format] };
    const request = new Request("http://localhost/metrics", { headers });
    const response = await answerMetrics(metrics, host, request);
    expect(response.headers.get("Content-Type")).toBe(contentTypes[format]);
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    const families = parseExposition(await response.text(), format);
    const deliveries = format === "openmetrics" ? "deliveries" : "deliveries_total";
    expect(families.get(`imggo_webhooks_${deliveries}`)?.samples).toHaveLength(10);
    expect(families.get("imggo_webhooks_accept_duration_seconds")?.unit)
      .toBe(format === "openmetrics" ? "seconds" : undefined);
  },
);

const fine = "# TYPE a counter\n# HELP a What.\na_total 1\n# EOF\n";

test("parseExposition() takes what is right, and refuses what is not", () => {
  const histogram = (samples: string) =>
    `# TYPE h histogram\n# HELP h What.\n${samples}h_count 2\nh_sum 1\n# EOF\n`;
  const buckets = 'h_bucket{le="1.0"} 1\nh_bucket{le="+Inf"} 2\n';
  expect(parseExposition(fine, "openmetrics").size).toBe(1);
  expect(parseExposition(histogram(buckets), "openmetrics").size).toBe(1);
  const wrong = [
    fine.replace("# EOF\n", ""),
    fine.replace("a_total 1", "a 1"),
    fine.replace("a_total 1", "a_total 1\na_total 1"),
    fine.replace("a_total 1", 'a_total{b="c",b="d"} 1'),
    fine.replace("a_total 1", 'a_total{b=""c"} 1'),
    fine.replace("a_total 1", "a_total -1"),
    fine.replace("a_total 1", "a_total NaN"),
    fine.replace("a_total 1", "a_total 1\n"),
    fine.replace("# HELP a What.\n", ""),
    fine.replace("# HELP a What.\n", "# UNIT a seconds\n# HELP a What.\n"),
    fine.replace("# EOF", "# TYPE b gauge\n# HELP b What.\nb 1\n# TYPE a counter\n# EOF"),
    histogram(buckets.replace("+Inf", "2.0")),
    histogram(buckets.replace("} 1", "} 3")),
    histogram(buckets.replace("} 2", "} 3")),
    histogram(buckets.split("\n").reverse().join("\n").trim() + "\n"),
  ];
  for (const text of wrong) expect(() => parseExposition(text, "openmetrics"), text).toThrow();
});
