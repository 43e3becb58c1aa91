import { latency } from "./queue/latency.ts";
import { deliveries } from "./queue/deliveries.ts";
import { processed } from "./queue/processed.ts";
import type { Part } from "./report.ts";

/** How fast what was accepted is processed, by a processor that does nothing. */
export const benchQueue: Part = async (bench) => {
  const { accepted, processedPerSecond } = await processed(bench);
  const { p50, p90 } = await latency(bench.folder);
  const rates = await deliveries(bench);
  return {
    tables: [
      {
        title: "Queue: from accept to processed, Node.js, SQLite, the same load",
        rows: [
          { what: "accepted a second, no processing", value: accepted.toFixed(0) },
          {
            what: "accepted and processed a second, till the last one is",
            value: processedPerSecond.toFixed(0),
          },
          { what: "from the answer to the processor's start, p50 ms", value: p50.toFixed(2) },
          { what: "p90 ms", value: p90.toFixed(2) },
        ],
      },
      {
        title: "Queue: deliveries a second on PostgreSQL, 10 at once",
        rows: Object.entries(rates).map(([what, rate]) => ({
          what,
          "a second": typeof rate === "string" ? rate : rate.toFixed(0),
        })),
      },
    ],
    figures: {
      "accepted a second, no processing": accepted,
      "processed a second": processedPerSecond,
      "answer to processor start p50 ms": p50,
      ...Object.fromEntries(
        Object.entries(rates).filter(([, rate]) => typeof rate === "number")
          .map(([what, rate]) => [`deliveries a second, ${what}`, Number(rate)]),
      ),
    },
  };
};
