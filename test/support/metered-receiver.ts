import { answerMetrics, createMetrics, type Metrics } from "../../src/metrics/metrics.ts";
import { type Family, parseExposition, type Sample } from "./parse-exposition.ts";
import { type ReceiverUnderTest, type SetUp, setUp } from "./receiver-under-test.ts";

/** What was scraped. */
export interface Scraped {
  readonly families: ReadonlyMap<string, Family>;
  /** The value of the one sample of this name with exactly these labels. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
}

/** A receiver whose metrics are at `/metrics`, open. */
export interface MeteredReceiver extends ReceiverUnderTest {
  scrape(): Promise<Scraped>;
}

export function setUpMetered(
  { metrics = createMetrics(), ...options }: SetUp & { readonly metrics?: Metrics } = {},
): MeteredReceiver {
  const underTest = setUp({
    ...options,
    plugins: [(host) => ({
      observer: metrics.observer,
      routes: [{
        path: "/metrics",
        methods: ["GET"],
        handle: (request) => answerMetrics(metrics, host, request),
      }],
    })],
  });
  return {
    ...underTest,
    async scrape() {
      const response = await underTest.receiver.fetch(new Request("http://localhost/metrics"));
      return scraped(await response.text());
    },
  };
}

/** Reads OpenMetrics. */
export function scraped(text: string): Scraped {
  const families = parseExposition(text, "openmetrics");
  const samples = [...families.values()].flatMap(({ samples }) => samples);
  return {
    families,
    value: (name, labels = {}) =>
      samples.find((sample) => sample.name === name && isSame(sample, labels))?.value,
  };
}

function isSame({ labels }: Sample, wanted: Readonly<Record<string, string>>): boolean {
  const text = (of: Readonly<Record<string, string>>) => JSON.stringify(Object.entries(of).sort());
  return text(labels) === text(wanted);
}
