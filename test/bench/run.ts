// `npm run bench`: README.md beside it says how to read what it prints.
import { writeFile } from "node:fs/promises";
import process from "node:process";
import { benchAccept } from "./accept.ts";
import { benchEdge } from "./edge.ts";
import { endAll, endAtSignals, temporaryFolder } from "./ending.ts";
import { type Events, prepareEvents } from "./events.ts";
import { benchGrowth } from "./growth.ts";
import { benchHalfLoad } from "./half-load.ts";
import { pickLoad } from "./load/load.ts";
import { describeMachine } from "./machine.ts";
import { benchMemory } from "./memory.ts";
import { readOptions, type SectionName } from "./options.ts";
import { benchQueue } from "./queue.ts";
import type { Bench, Figures, Part } from "./report.ts";
import { postgresDatabases } from "./servers/postgres-databases.ts";
import { formatTable, type Table } from "./table.ts";
import { checkTargets } from "./targets.ts";

const parts: Readonly<Record<SectionName, Part>> = {
  accept: benchAccept,
  "half-load": benchHalfLoad,
  queue: benchQueue,
  memory: benchMemory,
  growth: benchGrowth,
  edge: benchEdge,
};

const options = readOptions(process.argv.slice(2));
endAtSignals();
try {
  const beganAt = performance.now();
  const folder = await temporaryFolder();
  let events: Promise<Events> | undefined;
  const bench: Bench = {
    options,
    folder,
    load: await pickLoad(),
    events: () => events ??= prepareEvents(folder, options.events),
    databases: postgresDatabases(),
    progress: (line) => void process.stderr.write(`${line}\n`),
  };
  const machine = await describeMachine(folder);
  const tables: Table[] = [];
  let figures: Figures = {};
  for (const name of options.only) {
    const report = await parts[name](bench);
    tables.push(...report.tables);
    figures = { ...figures, ...report.figures };
    for (const table of report.tables) console.log(formatTable(table));
  }
  const targets = checkTargets(figures);
  console.log(formatTable(targets));
  const seconds = Math.round((performance.now() - beganAt) / 1_000);
  const { cpu, cores, memoryGB, system, fileSystem } = machine;
  console.log(`${cores} × ${cpu}, ${memoryGB} GB, ${system}, ${fileSystem}; ${seconds} s.`);
  const found = {
    at: new Date(),
    seconds,
    load: bench.load.name,
    machine,
    figures,
    tables,
    targets,
  };
  await writeFile(options.json, JSON.stringify(found, null, 2));
  console.log(`As JSON, with the versions: ${options.json}`);
} finally {
  await endAll();
}
