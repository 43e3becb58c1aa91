import { PermanentError } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { describe, expect, test } from "vitest";
import { switchable } from "../../support/paged-receiver.ts";
import {
  attribute,
  type PagesUnderTest,
  pagesUnderTest,
  type ReadPage,
  structureProblems,
  textOf,
} from "../../support/pages-under-test.ts";
import { secret } from "../../support/signed-request.ts";

const job = (id: string, pattern = "pat_1") => ({
  event: "job.succeeded",
  data: { job_id: id, pattern_id: pattern, result: { total: 12.5 } },
});

/** What a list shows, by the ids of its links. */
const shown = ({ elements }: ReadPage) =>
  elements.flatMap((each) => {
    const id = attribute(each, "id") ?? "";
    return id.startsWith("evt_") ? [id] : [];
  });

/** Goes where an answer to a form leads. */
async function follow(pages: PagesUnderTest, { response }: ReadPage): Promise<ReadPage> {
  expect(response.status).toBe(303);
  const page = await pages.get(response.headers.get("Location") ?? "");
  expect(structureProblems(page)).toEqual([]);
  return page;
}

describe("the overview", () => {
  test("says that all is well, or that nothing has come yet", async () => {
    const pages = await pagesUnderTest({ basePath: "/hooks" });
    const empty = await pages.get("/hooks/admin");
    expect(empty.text).toContain("Ready, and nothing has come yet");
    expect(empty.text).toContain("/hooks/webhook");
    expect(structureProblems(empty)).toEqual([]);
    const links = empty.elements.flatMap((each) => attribute(each, "href") ?? []);
    expect(links.filter((link) => !/^(?:\/hooks\/admin|#)/.test(link))).toEqual([]);
    await pages.send(job("job-1"));
    expect((await pages.get("/hooks/admin")).text).toContain("All is well");
  });

  test("names what is not well, and leads there", async () => {
    const storage = memoryStorage();
    const pages = await pagesUnderTest({
      storage: { ...storage, ping: () => Promise.resolve({ spooling: true, spooled: 7 }) },
      processors: {
        fails: () => {
          throw new PermanentError("no");
        },
      },
    });
    await pages.send(job("job-1"));
    await pages.send({ event: "job.succeeded", data: {} });
    await pages.forge(job("job-2"));
    await pages.receiver.expect("late", { deadlineMs: 0 });
    await pages.receiver.drain();
    // Counts are written after what they count.
    await storage.activity.add({ rejected: 1 });
    const page = await pages.get("/admin");
    expect(page.text).toContain("5 things need a look");
    for (
      const said of [
        "7 events wait in the spool",
        "1 delivery is dead",
        "1 result is overdue",
        "refused within the last hour",
        "1 event is quarantined",
      ]
    ) expect(page.text.replace(/\s+/g, " ")).toContain(said);
    expect(structureProblems(page)).toEqual([]);
  });
});

describe("the events", () => {
  test("are found by each filter, and by an event's id", async () => {
    const pages = await pagesUnderTest();
    const one = await pages.send(job("job-1"));
    const two = await pages.send(job("job-2", "pat_2"));
    const bad = await pages.send("no JSON");
    const all = await pages.get("/admin/events?job_id=&state=&received_after=");
    expect(shown(all)).toEqual([bad, two, one]);
    expect(structureProblems(all)).toEqual([]);
    const found: readonly (readonly [string, readonly string[]])[] = [
      ["job_id=job-1", [one]],
      ["job_id=%20job-1%20", [one]],
      ["pattern_id=pat_2", [two]],
      ["state=quarantined", [bad]],
      ["event=job.succeeded", [two, one]],
      ["delivery_state=dead", []],
      ["received_after=2000-01-01T00:00", [bad, two, one]],
      ["received_before=2000-01-01T00:00", []],
      ["job_id=evt_none", []],
    ];
    for (const [query, ids] of found) {
      const page = await pages.get(`/admin/events?${query}`);
      expect(shown(page), query).toEqual(ids);
      expect(structureProblems(page)).toEqual([]);
    }
    const isOpen = ({ elements }: ReadPage) =>
      elements.some((each) => each.tagName === "details" && attribute(each, "open") === "");
    expect(isOpen(all)).toBe(false);
    expect(isOpen(await pages.get("/admin/events?state=accepted"))).toBe(false);
    expect(isOpen(await pages.get("/admin/events?pattern_id=pat_2"))).toBe(true);
    const { response } = await pages.get(`/admin/events?job_id=${one}`);
    expect(response.headers.get("Location")).toBe(`/admin/events/${one}`);
  });

  test("say of a delivery what it needs, and of the others that they are delivered", async () => {
    const sink = switchable();
    const pages = await pagesUnderTest({
      processors: { sink: sink.processor, other: () => {} },
    });
    const rows = async () =>
      (await pages.get("/admin/events")).elements
        .filter((each) => each.tagName === "li" && /job-\d/.test(textOf(each)))
        .map((each) => textOf(each).replace(/\s+/g, " ").trim());
    await pages.send(job("job-1"));
    await pages.send(job("job-1"));
    await pages.receiver.drain();
    sink.fails = "no";
    await pages.send(job("job-2"));
    await pages.receiver.drain();
    expect(await rows()).toEqual([
      "dead job-2 job.succeeded · pat_1 sink: dead just now",
      "delivered job-1 job.succeeded · 1 duplicate · pat_1 just now",
    ]);
  });

  test("come in parts, each once, of which only the first is live", async () => {
    const pages = await pagesUnderTest();
    const sent: string[] = [];
    for (let index = 0; index < 120; index++) sent.push(await pages.send(job(`job-${index}`)));
    const seen: string[] = [];
    let path: string | undefined = "/admin/events?event=job.succeeded";
    for (let part = 0; path !== undefined; part++) {
      const page: ReadPage = await pages.get(path);
      seen.push(...shown(page));
      const live = page.elements.some((each) => attribute(each, "data-live") !== undefined);
      expect(live).toBe(part === 0);
      const next = page.elements.find((each) => attribute(each, "id") === "next");
      path = next && attribute(next, "href");
      if (path !== undefined) expect(path).toContain("event=job.succeeded");
    }
    expect(seen).toEqual(sent.toReversed());
  });

  test("say of a filter what is wrong, at its field", async () => {
    const pages = await pagesUnderTest();
    const page = await pages.get("/admin/events?received_after=yesterday&state=odd");
    expect(page.response.status).toBe(400);
    expect(page.text).toContain("expected a time in ISO 8601");
    const invalid = page.elements.filter((each) => attribute(each, "aria-invalid") === "true");
    expect(invalid.map((each) => attribute(each, "name"))).toEqual(["state", "received_after"]);
    expect(structureProblems(page)).toEqual([]);
  });
});

describe("an event", () => {
  test("is shown with its result, deliveries and attempts, and is run again", async () => {
    const sink = switchable();
    sink.fails = "the sink is full";
    const pages = await pagesUnderTest({
      processors: { sink: sink.processor, other: () => {} },
    });
    const id = await pages.send(job("job-1"));
    await pages.receiver.drain();
    const page = await pages.get(`/admin/events/${id}`);
    expect(structureProblems(page)).toEqual([]);
    for (const said of ["total: 12.5", "failed for good", "the sink is full", "job-1", "pat_1"]) {
      expect(page.text).toContain(said);
    }
    const canonical = page.elements.find((each) => attribute(each, "id") === "canonical");
    expect(canonical?.childNodes).toHaveLength(1);

    sink.fails = undefined;
    const redelivered = await follow(
      pages,
      await pages.post(`/admin/events/${id}/redeliver`, { processor: "sink" }),
    );
    expect(redelivered.text).toContain("1 delivery is due again");
    await pages.receiver.drain();
    expect((await pages.storage.stats()).deliveries).toMatchObject({ succeeded: 2, dead: 0 });
    await follow(pages, await pages.post(`/admin/events/${id}/redeliver`));
    expect((await pages.storage.stats()).deliveries.pending).toBe(2);
    const again = await pages.post(`/admin/events/${id}/redeliver`);
    expect((await follow(pages, again)).text).toContain("Nothing changed");
  });

  test("tells of its attempts how far apart they were, and an error once", async () => {
    const pages = await pagesUnderTest({
      worker: { maxAttempts: 3, backoff: { firstMs: 1, maxMs: 1 } },
      processors: {
        sink: () => {
          throw new Error("the sink is full");
        },
      },
    });
    const id = await pages.send(job("job-1"));
    await expect.poll(async () => {
      await pages.receiver.drain();
      return (await pages.storage.stats()).deliveries.dead;
    }).toBe(1);
    const { text } = await pages.get(`/admin/events/${id}`);
    expect(text.match(/the sink is full/g)).toHaveLength(1);
    expect(text.match(/The same error again/g)).toHaveLength(2);
    expect(text.match(/\d m?s later, took/g)).toHaveLength(2);
  });

  test("that is superseded offers nothing that would be refused", async () => {
    const pages = await pagesUnderTest({ processors: { sink: () => {} } });
    const failed = { event: "job.failed", data: { job_id: "job-1", error: "unreadable" } };
    const id = await pages.send(failed);
    await pages.receiver.drain();
    expect((await pages.get(`/admin/events/${id}`)).text).toContain("Redeliver to sink");
    await pages.send(job("job-1"));
    const { text } = await pages.get(`/admin/events/${id}`);
    expect(text).toContain("no longer handed to processors");
    expect(text).toContain("Attempt 1");
    expect(text).not.toContain("Redeliver");
  });

  test("that cannot be run again says why", async () => {
    const pages = await pagesUnderTest({ processors: { sink: () => {} } });
    const bad = await pages.send("no JSON");
    const refused: readonly (readonly [string, Record<string, string>, number])[] = [
      [bad, {}, 409],
      ["evt_none", {}, 404],
      [await pages.send(job("job-1")), { processor: "nobody" }, 400],
    ];
    for (const [id, fields, status] of refused) {
      const page = await pages.post(`/admin/events/${id}/redeliver`, fields);
      expect(page.response.status).toBe(status);
      expect(structureProblems(page)).toEqual([]);
    }
  });
});

describe("the dead", () => {
  const groupLink = ({ elements }: ReadPage, index: number) =>
    attribute(
      elements.filter((each) => attribute(each, "id")?.startsWith("group-"))[index]!,
      "href",
    ) ?? "";

  test("are redriven by group, in the number that was told before", async () => {
    const sink = switchable();
    const other = switchable();
    const pages = await pagesUnderTest({
      processors: { sink: sink.processor, other: other.processor },
    });
    sink.fails = "line one\r\nline two";
    other.fails = "other";
    for (let index = 0; index < 3; index++) await pages.send(job(`job-${index}`));
    await pages.receiver.drain();
    other.fails = undefined;
    const list = await pages.get("/admin/dead");
    expect(list.text).toContain("6 dead deliveries");
    expect(structureProblems(list)).toEqual([]);
    const paths = [groupLink(list, 0), groupLink(list, 1)];
    const questions = await Promise.all(paths.map((path) => pages.get(path)));
    const ofSink = questions.findIndex(({ text }) => text.includes("line one"));
    expect(questions[ofSink]?.text).toContain("Redrive 3 deliveries?");
    expect(structureProblems(questions[ofSink]!)).toEqual([]);
    expect((await pages.storage.stats()).deliveries.dead).toBe(6);

    // Only as many as the question said, whatever died since.
    const done = await pages.post(paths[ofSink]!, { count: "2" });
    expect((await follow(pages, done)).text).toContain("2 dead deliveries are due again.");
    expect(await pages.storage.countDead({ processor: "sink" })).toBe(1);
    expect(await pages.storage.countDead({ processor: "other" })).toBe(3);
    const all = await pages.get("/admin/dead/redrive");
    expect(all.text).toContain("Redrive 4 deliveries?");
    await follow(pages, await pages.post("/admin/dead/redrive", { count: "4" }));
    expect((await pages.storage.stats()).deliveries).toMatchObject({ dead: 0, pending: 6 });
    const gone = await pages.post(paths[ofSink]!, { count: "1" });
    expect(gone.response.status).toBe(404);
    expect(structureProblems(gone)).toEqual([]);
  });

  test("for whom there was no time are told, and gone on with", async () => {
    const sink = switchable();
    sink.fails = "no";
    const storage = memoryStorage();
    const slow = {
      ...storage,
      redrive: async (filter: Parameters<typeof storage.redrive>[0]) => {
        const count = await storage.redrive({ ...filter, limit: 1 });
        // As if the time for a batch had gone by.
        return await storage.countDead({}) === 1 ? 0 : count;
      },
    };
    const pages = await pagesUnderTest({
      storage: slow,
      processors: { sink: sink.processor },
    });
    for (let index = 0; index < 3; index++) await pages.send(job(`job-${index}`));
    await pages.receiver.drain();
    const page = await follow(pages, await pages.post("/admin/dead/redrive", { count: "3" }));
    expect(page.text).toContain("There was no time for");
    expect(page.text).toContain("Redrive 1 delivery?");
  });
});

test("rejections are checked again with the current secrets", async () => {
  const storage = memoryStorage();
  const wrong = await pagesUnderTest({ storage, secret: "the secret of the other stage" });
  const sent = await wrong.send(job("job-1"));
  expect(sent).toBeUndefined();
  await wrong.receiver.stop();
  const pages = await pagesUnderTest({ storage, secret });
  await pages.forge(job("job-2"));
  // What is refused is kept after the answer.
  await pages.receiver.stop();
  const list = await pages.get("/admin/rejections");
  expect(list.text.match(/rej_/g)).toHaveLength(2);
  expect(structureProblems(list)).toEqual([]);
  const page = await follow(pages, await pages.post("/admin/rejections/reverify"));
  expect(page.text).toContain("1 refused request was accepted now. 1 did not pass");
  expect((await storage.stats()).events.accepted).toBe(1);
});

test("a job is awaited by a form, which says what is wrong with it", async () => {
  const pages = await pagesUnderTest();
  const fields = { job_id: "job-1", pattern_id: "", deadline_s: "60" };
  const page = await follow(pages, await pages.post("/admin/expectations", fields));
  expect(page.text).toContain("The end of the job is awaited.");
  expect(page.text).toContain("job-1");
  await pages.send(job("job-2"));
  const stored = await pages.post("/admin/expectations", { ...fields, job_id: "job-2" });
  expect((await follow(pages, stored)).text).toContain("is stored already");
  const bad = await pages.post("/admin/expectations", {
    ...fields,
    deadline_s: "soon",
    job_id: ".",
  });
  expect(bad.response.status).toBe(400);
  expect(bad.text).toContain("expected a whole number");
  const kept = bad.elements.find((each) => attribute(each, "name") === "deadline_s");
  expect(attribute(kept!, "value")).toBe("soon");
  expect(structureProblems(bad)).toEqual([]);
});
