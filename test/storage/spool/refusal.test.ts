import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test, vi } from "vitest";
import { repeatOf } from "../../support/new-event.ts";
import { setUp } from "../../support/spool-under-test.ts";

const minutes = 60_000;

describe("a storage that refuses one event for itself", () => {
  test("gets the others all the same; that one is set aside, and tried again", async () => {
    let time = Date.now();
    const spool = await setUp();
    await spool.storage.close();
    const clocked = sqliteStorage(spool.file, { now: () => time });
    const { broken, accept, acceptMany, allMoved, stored, log } = await setUp({
      file: spool.file,
      faulty: () => clocked,
    });
    broken.is("rejects");
    const before = await acceptMany(2);
    const refused = await accept();
    broken.refused.add(refused.id);
    const after = await acceptMany(60);
    broken.is("works");
    await allMoved();
    expect((await stored()).sort()).toEqual([...before, ...after].sort());
    expect(log.of("set aside")).toMatchObject([{ level: "error", id: refused.id }]);
    expect(log.of("the storage is back")).toMatchObject([{ moved: 62, set_aside: 1 }]);

    // It is tried alone, and holds up nothing.
    time += 16 * minutes;
    await vi.waitFor(() => expect(log.of("refused: set aside")).toHaveLength(2), 10_000);
    await allMoved();
    const direct = await accept();
    expect(await stored()).toContain(direct.id);

    broken.refused.clear();
    time += 16 * minutes;
    await vi.waitFor(async () => expect(await stored()).toContain(refused.id), 10_000);
  });

  test("the only one that is spooled waits until there is another one", async () => {
    const { broken, accept, allMoved, stored, log } = await setUp();
    broken.is("rejects");
    const refused = await accept();
    broken.refused.add(refused.id);
    broken.is("works");
    for (let count = 1; log.of("set aside").length === 0; count++) {
      expect(count).toBeLessThan(20);
      await accept();
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    await allMoved();
    expect(await stored()).not.toContain(refused.id);
  });

  test("keeps a repeat of it waiting, so that the first one's id stays good", async () => {
    const { broken, accept, acceptMany, storage, allMoved, stored, log } = await setUp();
    broken.is("rejects");
    const refused = await accept();
    broken.refused.add(refused.id);
    await storage.accept(repeatOf(refused));
    const others = await acceptMany(10);
    broken.is("works");
    await allMoved();
    expect((await stored()).sort()).toEqual(others.sort());
    expect(log.of("set aside")).toHaveLength(1);
  });

  test("an outage has nothing set aside, however long", async () => {
    const { broken, acceptMany, allMoved, stored, log } = await setUp();
    broken.is("half");
    const ids = await acceptMany(70);
    const asked = broken.asked();
    await vi.waitFor(() => expect(broken.asked()).toBeGreaterThan(asked + 14), 15_000);
    broken.is("works");
    await allMoved();
    expect(await stored()).toEqual(ids);
    expect(log.of("set aside")).toEqual([]);
  });

  test("what another version spooled is set aside, and stays", async () => {
    const earlier = await setUp();
    earlier.broken.is("rejects");
    const [other = "", mine = ""] = await earlier.acceptMany(2);
    await earlier.storage.close();
    const database = new DatabaseSync(earlier.file);
    const change = "UPDATE events SET pattern_id = replace(pattern_id, '\"form\":1', '\"form\":2')";
    expect(database.prepare(`${change} WHERE id = ?`).run(other).changes).toBe(1);
    database.close();

    const { allMoved, stored, log, file } = await setUp({ file: earlier.file });
    await allMoved();
    expect(await stored()).toEqual([mine]);
    expect(log.of("set aside")).toMatchObject([{ id: other, error: /another version/i }]);
    const spool = sqliteStorage(file);
    expect(await spool.get(other)).toMatchObject({ deliveries: [{ state: "pending" }] });
    await spool.close();
  });
});
