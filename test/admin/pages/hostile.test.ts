import { PermanentError } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { expect, test } from "vitest";
import { pagesUnderTest, structureProblems } from "../../support/pages-under-test.ts";

const markup = `"'><img src=x onerror="globalThis.hacked=1"></script><script>hacked=1</script>`;
const hostile: Readonly<Record<string, string>> = {
  markup,
  link: "javascript:hacked=1//",
  ends: "</title></textarea></style><!-- ]]>",
  lines: "one\u2028two\u2029three",
  direction: "\u202egnp.exe\u2066x",
  terminal: "\u001b[31mred\u001b[0m\u0007",
  template: "${hacked} {{hacked}} <%= hacked %>",
  entities: "&lt;img src=x onerror=hacked=1&gt;",
};
// Ids hold no controls: what has some is refused before.
const isId = (text: string) => !/\p{Cc}/u.test(text);
const hidden = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;

/** Pages of events in which every field that a sender or a processor chooses is hostile. */
async function hostilePages() {
  const texts = Object.values(hostile);
  const storage = memoryStorage();
  const pages = await pagesUnderTest({
    storage,
    processors: {
      fails: (event) => {
        throw new PermanentError(String(event.data["error_text"]));
      },
    },
  });
  const ids: string[] = [];
  for (const text of texts) {
    const id = isId(text) ? text : "job";
    ids.push(
      await pages.send({
        event: "job.succeeded",
        data: { job_id: `s${id}`, pattern_id: id, result: { [text]: [text] }, error_text: text },
        [text]: text,
      }),
      await pages.send({ event: "job.failed", data: { job_id: `f${id}`, error: text } }),
      await pages.send({ event: id, data: { job_id: id } }),
      await pages.send(
        `{"event": "job.succeeded", "data": {"job_id": 1, ${JSON.stringify(text)}: 2}}`,
      ),
    );
    await storage.expectations.add({ jobId: `x${id}`, patternId: id, withinMs: 0 });
    await storage.expectations.postpone(`x${id}`, { afterMs: null, error: text });
    await pages.forge(text);
    // No receiver takes such a name; what is stored may be of another version.
    await storage.redeliver(ids.at(-4)!, [text]);
  }
  await pages.receiver.drain();
  return { pages, ids, texts };
}

test("pages show hostile values of every stored field as text", async () => {
  const { pages, ids, texts } = await hostilePages();
  const list = await pages.get("/admin/dead");
  const groups = [...list.html.matchAll(/\/admin\/dead\/redrive\?group=\w+/g)].map(([path]) =>
    path
  );
  expect(groups.length).toBeGreaterThanOrEqual(texts.length);
  const paths = [
    ...["", "/events", "/dead", "/dead/redrive", "/rejections", "/expectations"],
    ...ids.map((id) => `/events/${id}`),
  ].map((path) => `/admin${path}`);
  for (const path of [...paths, ...groups]) {
    const page = await pages.get(path);
    expect(page.response.status, path).toBe(200);
    expect(structureProblems(page), path).toEqual([]);
    expect(page.elements.filter(({ tagName }) => tagName === "img")).toEqual([]);
    expect(hidden.test(page.html.replaceAll("\n", "")), `${path} hides something`).toBe(false);
  }
  const { text } = await pages.get(`/admin/events/${ids[0]}`);
  expect(text.split(markup).length).toBeGreaterThan(3);
  expect(list.text).toContain(`PermanentError: ${markup}`);
});

test("pages show hostile values of a query, of a form and of cookies as text, or not at all", async () => {
  const pages = await pagesUnderTest();
  for (const text of Object.values(hostile)) {
    const value = encodeURIComponent(text);
    const answers = await Promise.all([
      pages.get(`/admin/events?job_id=${value}&event=${value}&pattern_id=${value}&done=${value}`),
      pages.get(`/admin/events?state=${value}&received_after=${value}&${value}=1`),
      pages.get(`/admin/events?cursor=${value}`),
      pages.get(`/admin/events/${value}`),
      pages.get(`/admin?done=redriven&count=${value}&left=${value}`),
      pages.get(`/admin/dead/redrive?group=${value}`),
      pages.get(`/admin/rejections?cursor=${value}`),
      pages.get(`/admin/expectations?cursor=${value}`),
      pages.get(`/admin/events?${value}`, {
        Cookie: `a=${value}; imggo_webhooks_session=${value}`,
      }),
      pages.post("/admin/expectations", {
        job_id: `.${text}\u0000`,
        pattern_id: text,
        deadline_s: text,
      }),
      pages.post(`/admin/events/${value}/redeliver`, { processor: text }),
    ]);
    for (const page of answers) {
      expect(page.response.status).toBeLessThan(500);
      expect(structureProblems(page), page.response.url).toEqual([]);
      expect(page.elements.filter(({ tagName }) => tagName === "img")).toEqual([]);
    }
    const [, , , , told] = answers;
    expect(told?.text).toContain("0 dead deliveries are due again.");
  }
});

test("pages show results that are deep, wide or long as far as a page should be", async () => {
  const pages = await pagesUnderTest();
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  const results = [
    deep,
    JSON.stringify(Array.from({ length: 20_000 }, (_, index) => ({ index }))),
    JSON.stringify("long ".repeat(100_000)),
    `{"__proto__": {"constructor": {"toString": 1}}, "isEscaped": true, "callbacks": [1]}`,
  ];
  for (const [index, result] of results.entries()) {
    const id = await pages.send(
      `{"event":"job.succeeded","data":{"job_id":"job-${index}","result":${result}}}`,
    );
    const page = await pages.get(`/admin/events/${id}`);
    expect(page.response.status).toBe(200);
    expect(structureProblems(page)).toEqual([]);
    expect(page.html.length).toBeLessThan(400_000);
    expect(page.text.includes("not all of it")).toBe(index < 3);
    if (index === 3) expect(page.text).toContain("isEscaped: true");
    const body = await pages.get(`/admin/events/${id}/body`);
    expect(body.html).toContain(result);
  }
});
