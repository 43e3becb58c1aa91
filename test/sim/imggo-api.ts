import type { Process } from "./process.ts";
import type { Scenario, SimulatedJob } from "./scenario.ts";
import { endOf } from "./truth.ts";
import type { World } from "./world.ts";

type Answer = { readonly status: number; readonly json: unknown; readonly retryAfter?: number };

/** ImgGo's API as one process sees it: what `fetch` is to it. */
export function connectApi(
  process: Process,
  { jobs, badApi }: Scenario,
  world: World,
): typeof fetch {
  const { random, schedule } = world;

  const tell = (job: SimulatedJob): Answer => {
    const end = endOf(job.id);
    const hasEnded = schedule.now() >= job.endsAtMs;
    const data = {
      id: job.id,
      pattern_id: end.pattern_id,
      status: hasEnded ? job.end : "running",
      manifest: hasEnded && job.end === "succeeded" ? end.result : null,
      error: hasEnded && job.end === "failed" ? end.message : null,
      completed_at: hasEnded ? end.timestamp : null,
    };
    return { status: 200, json: { success: true, data } };
  };

  /** What goes wrong, if anything does. Undefined instead of an answer: there is none. */
  const faults: Readonly<Record<string, () => Answer | Error | undefined>> = {
    "never answers": () => undefined,
    "is unreachable": () => new TypeError("fetch failed"),
    "fails": () => ({ status: 500, json: { error: "internal" } }),
    "limits": () => ({ status: 429, json: {}, retryAfter: random.whole(0, 90) }),
    "denies": () => ({ status: 403, json: {} }),
    "knows no such job": () => ({ status: 404, json: {} }),
    "answers nonsense": () => ({ status: 200, json: "nonsense" }),
    "tells of another job": () => tell({ ...(jobs[0] as SimulatedJob), id: "another" }),
    "tells no result": () => ({
      status: 200,
      json: { success: true, data: { status: "succeeded" } },
    }),
  };

  return (input) => {
    const jobId = String(input).split("/").at(-1);
    const job = jobs.find(({ id }) => id === jobId);
    const fault = !world.calm() && random.chance(badApi)
      ? random.pick([...Object.keys(faults), "is late"])
      : undefined;
    world.hit(`ImgGo ${fault ?? "answers"}`);
    world.log(process.name, () => `asks ImgGo for ${jobId}: ${fault ?? "it answers"}`);
    const answer = faults[fault ?? ""]?.() ??
      (fault === "never answers" || job === undefined ? undefined : tell(job));
    return new Promise((resolve, reject) => {
      if (answer === undefined) return;
      const wait = fault === "is late" ? random.between(2_000, 100_000) : random.between(1, 200);
      schedule.after(wait, process, () => {
        if (answer instanceof Error) return reject(answer);
        const { status, json, retryAfter } = answer;
        const headers = { ...(retryAfter !== undefined && { "Retry-After": `${retryAfter}` }) };
        resolve(new Response(JSON.stringify(json), { status, headers }));
      });
    });
  };
}
