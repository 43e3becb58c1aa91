import { type Config, defineConfig } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { expect, test } from "vitest";
import {
  type Environment,
  readImgGoSettings,
  readSettings,
  SettingsError,
} from "../src/settings.ts";

const secret = "canary-secret-canary";
const valid: Environment = { WEBHOOK_SECRET: secret };

function problems(env: Environment, config?: Config): readonly string[] {
  try {
    readSettings(env, config);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

test("readSettings() needs nothing but the secret", () => {
  expect(readSettings(valid)).toEqual({
    secrets: [secret],
    port: 5000,
    host: "0.0.0.0",
    path: "/webhook",
    storage: "sqlite:./imggo-webhooks.db",
    spool: undefined,
    forward: undefined,
    imggo: { apiKey: undefined, baseUrl: "https://img-go.com/api", requestsPerMinute: 5 },
    role: "all",
    maxBodyBytes: 1_048_576,
    logLevel: "info",
    logFormat: undefined,
  });
});

test("readSettings() reads every setting of an environment", () => {
  expect(readSettings({
    WEBHOOK_SECRET: secret,
    WEBHOOK_SECRET_PREVIOUS: "the secret before it",
    PORT: "8080",
    HOST: "127.0.0.1",
    WEBHOOK_PATH: "/hooks/imggo",
    STORAGE_URL: "memory:",
    SPOOL_URL: "sqlite:./spool.db",
    FORWARD_URL: "http://localhost:3000/hook",
    FORWARD_SECRET: "a secret for the target",
    FORWARD_ALLOW_PRIVATE: "true",
    IMGGO_API_KEY: "key-of-an-account",
    IMGGO_BASE_URL: "http://127.0.0.1:8080/api",
    IMGGO_REQUESTS_PER_MINUTE: "60",
    ROLE: "worker",
    ADMIN_TOKEN: "a token of 24 characters",
    MAX_BODY_BYTES: "2048",
    LOG_LEVEL: "debug",
    LOG_FORMAT: "text",
  })).toEqual({
    secrets: [secret, "the secret before it"],
    port: 8080,
    host: "127.0.0.1",
    path: "/hooks/imggo",
    storage: "memory:",
    spool: "sqlite:./spool.db",
    forward: {
      url: "http://localhost:3000/hook",
      secret: "a secret for the target",
      allowPrivate: true,
    },
    imggo: {
      apiKey: "key-of-an-account",
      baseUrl: "http://127.0.0.1:8080/api",
      requestsPerMinute: 60,
    },
    role: "worker",
    adminToken: "a token of 24 characters",
    maxBodyBytes: 2048,
    logLevel: "debug",
    logFormat: "text",
  });
});

test("readSettings() reads every setting of a configuration", () => {
  const storage = memoryStorage();
  const spool = memoryStorage();
  const config = defineConfig({
    secret,
    previousSecret: "the secret before it",
    port: 0,
    host: "::1",
    path: "/",
    storage,
    spool,
    forwardUrl: "https://example.com/hook",
    forwardSecret: "a secret for the target",
    forwardAllowPrivate: false,
    imggoApiKey: "key-of-an-account",
    imggoBaseUrl: "https://staging.example.com/api",
    imggoRequestsPerMinute: 60,
    role: "receiver",
    adminToken: "a token of 24 characters",
    maxBodyBytes: 1,
    logLevel: "error",
    logFormat: "json",
    processors: { invoices: () => {} },
    dedupeKey: (event) => event.data.job_id,
    worker: { concurrency: 2 },
  });
  const settings = readSettings({}, config);
  expect(settings).toEqual({
    secrets: [secret, "the secret before it"],
    port: 0,
    host: "::1",
    path: "/",
    storage,
    spool,
    forward: {
      url: "https://example.com/hook",
      secret: "a secret for the target",
      allowPrivate: false,
    },
    imggo: {
      apiKey: "key-of-an-account",
      baseUrl: "https://staging.example.com/api",
      requestsPerMinute: 60,
    },
    role: "receiver",
    adminToken: "a token of 24 characters",
    maxBodyBytes: 1,
    logLevel: "error",
    logFormat: "json",
  });
  expect(settings.storage).toBe(storage);
  expect(settings.spool).toBe(spool);
});

test("readSettings() prefers the environment to the configuration", () => {
  const settings = readSettings(
    { WEBHOOK_SECRET: secret, PORT: "8080", STORAGE_URL: "memory:", ROLE: "worker" },
    { secret: "another secret, unused", port: 1, storage: "sqlite:./a.db", role: "receiver" },
  );
  expect(settings).toMatchObject({
    secrets: [secret],
    port: 8080,
    storage: "memory:",
    role: "worker",
  });
});

test("readSettings() takes an empty variable as one that is not set", () => {
  const names = [
    "WEBHOOK_SECRET_PREVIOUS",
    "PORT",
    "HOST",
    "WEBHOOK_PATH",
    "STORAGE_URL",
    "DATABASE_URL",
    "SPOOL_URL",
    "FORWARD_URL",
    "FORWARD_SECRET",
    "FORWARD_ALLOW_PRIVATE",
    "IMGGO_API_KEY",
    "IMGGO_BASE_URL",
    "ROLE",
    "ADMIN_TOKEN",
    "MAX_BODY_BYTES",
    "LOG_LEVEL",
    "LOG_FORMAT",
  ];
  const empty = Object.fromEntries(names.map((name) => [name, ""]));
  expect(readSettings({ ...valid, ...empty })).toEqual(readSettings(valid));
  expect(readSettings({ ...valid, PORT: "" }, { port: 7 }).port).toBe(7);
});

test("readSettings() leaves names alone that are no settings", () => {
  expect(readSettings({ ...valid, PATH: "/usr/bin", WEBHOOK_SECRETS: "x", port: "x" }))
    .toEqual(readSettings(valid));
});

test("readSettings() takes DATABASE_URL where no storage is named", () => {
  const DATABASE_URL = "sqlite:/data/events.db";
  expect(readSettings({ ...valid, DATABASE_URL }).storage).toBe(DATABASE_URL);
  expect(readSettings({ ...valid, DATABASE_URL, STORAGE_URL: "memory:" }).storage).toBe("memory:");
});

test("readSettings() prefers the configuration's storage to DATABASE_URL, and blames it", () => {
  const env = { ...valid, DATABASE_URL: "sqlite:/data/events.db" };
  expect(readSettings(env, { storage: "memory:" }).storage).toBe("memory:");
  expect(problems(env, { storage: "memories" }))
    .toEqual([expect.stringMatching(/^storage, in the configuration: expected /)]);
});

test("readSettings() blames DATABASE_URL for a storage that it names, without repeating it", () => {
  const found = problems({ ...valid, DATABASE_URL: "mysql://user:canary-password@db.example/app" });
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(/^DATABASE_URL: expected sqlite:<path>/);
  expect(found[0]).not.toMatch(/canary|db\.example/);
});

test("readSettings() stores in Deno KV on Deno Deploy, where nothing else is named", () => {
  const deploy = { ...valid, DENO_DEPLOY: "true" };
  expect(readSettings(deploy).storage).toBe("kv:");
  expect(readSettings({ ...deploy, STORAGE_URL: "", DATABASE_URL: "" }).storage).toBe("kv:");
  expect(readSettings({ ...deploy, STORAGE_URL: "memory:" }).storage).toBe("memory:");
  expect(readSettings(deploy, { storage: "memory:" }).storage).toBe("memory:");
  const DATABASE_URL = "postgres://user:password@db.example/app";
  expect(readSettings({ ...deploy, DATABASE_URL }).storage).toBe(DATABASE_URL);
  expect(readSettings({ ...valid, DENO_DEPLOY: "" }).storage).toBe("sqlite:./imggo-webhooks.db");
});

const badSettings: Record<string, readonly string[]> = {
  WEBHOOK_SECRET: ["canary-15-chars", " canary-canary-canary", "canary-canary-canary\n", "    "],
  WEBHOOK_SECRET_PREVIOUS: ["canary-15-chars", "canary-canary-canary "],
  HOST: [" ", "a b", "127.0.0.1 ", "http://localhost"],
  PORT: ["-1", "65536", "80.5", "http", "0x50", "1e3", " 80", "٣"],
  WEBHOOK_PATH: [
    "webhook",
    "/webhook/",
    "//webhook",
    "/a b",
    "/:id",
    "/*",
    "/a?b",
    "/a#b",
    "/(a)",
    "/healthz",
    "/readyz",
  ],
  STORAGE_URL: ["canary", "sqlite:", "mysql://user:canary@host/db", "file:canary"],
  SPOOL_URL: [
    "canary",
    "memory:",
    "sqlite:",
    "sqlite::memory:",
    "kv:",
    "postgres://user:canary@host/db",
  ],
  FORWARD_URL: ["canary", "/canary", "ftp://canary.example/", "javascript:canary"],
  FORWARD_SECRET: ["canary-15-chars", "canary-canary-canary\r\n"],
  FORWARD_ALLOW_PRIVATE: ["yes", "TRUE", "2"],
  IMGGO_API_KEY: [" canary", "canary\n", "can ary", "canärÿ"],
  IMGGO_BASE_URL: [
    "canary",
    "/canary",
    "ftp://canary.example/",
    "http://canary.example/api",
    "https://user:canary@img-go.com/api",
    "https://img-go.com/api?canary",
    "http://localhost.canary.example/api",
  ],
  ROLE: ["both", "Worker", "receiver,worker"],
  ADMIN_TOKEN: [
    "canary",
    "canary-of-23-characters",
    " canary-canary-canary-canary",
    "canary-canary-canary-canary\n",
    "canärycanärycanärycanärycanäry",
  ],
  IMGGO_REQUESTS_PER_MINUTE: ["0", "-1", "2.5", "many"],
  MAX_BODY_BYTES: ["0", "-5", "1MB", "1e6", "67108865"],
  LOG_LEVEL: ["trace", "INFO"],
  LOG_FORMAT: ["pretty"],
};

for (const [name, values] of Object.entries(badSettings)) {
  for (const value of values) {
    test(`readSettings() refuses ${name}=${JSON.stringify(value)}, and names it`, () => {
      const found = problems({ ...valid, [name]: value });
      expect(found).toHaveLength(1);
      expect(found[0]).toMatch(new RegExp(`^${name}: expected `));
      expect(found[0]).not.toContain("canary");
    });
  }
}

const samePlaces: readonly [storage: string | undefined, spool: string][] = [
  ["sqlite:./a.db", "sqlite:./a.db"],
  ["sqlite:./a.db", "sqlite:a.db"],
  ["sqlite:///data/a.db", "sqlite:/data/a.db"],
  [undefined, "sqlite:imggo-webhooks.db"],
];
for (const [STORAGE_URL, SPOOL_URL] of samePlaces) {
  test(`readSettings() refuses ${SPOOL_URL} as the spool of ${STORAGE_URL}`, () => {
    expect(problems({ ...valid, STORAGE_URL, SPOOL_URL }))
      .toEqual(["SPOOL_URL: expected another place than the storage's"]);
  });
}

test("readSettings() refuses a storage as its own spool", () => {
  const storage = memoryStorage();
  expect(problems(valid, { storage, spool: storage }))
    .toEqual(["spool, in the configuration: expected another place than the storage's"]);
});

test("readImgGoSettings() needs the API key, and no secret", () => {
  expect(readImgGoSettings({ IMGGO_API_KEY: "key" }, { path: "/in" }))
    .toEqual({
      apiKey: "key",
      baseUrl: "https://img-go.com/api",
      requestsPerMinute: 5,
      path: "/in",
    });
  expect(readImgGoSettings({ PORT: "http", ROLE: "boss" }, { imggoApiKey: "key" }).apiKey)
    .toBe("key");
});

test("readImgGoSettings() names every bad setting among its own", () => {
  const env = { IMGGO_BASE_URL: "http://img-go.com/api", WEBHOOK_PATH: "in", WEBHOOK_SECRET: "x" };
  expect(() => readImgGoSettings(env)).toThrow(SettingsError);
  expect(() => readImgGoSettings(env)).toThrow(
    /^3 settings are wrong:(?:\n {2}(?:IMGGO_BASE_URL|IMGGO_API_KEY|WEBHOOK_PATH): .*){3}$/,
  );
  expect(() => readImgGoSettings({}, { imggoApiKey: "canary canary" })).toThrow(
    /^A setting is wrong:\n {2}imggoApiKey, in the configuration: expected (?!.*canary)/,
  );
});

test("readSettings() says that the secret is not set", () => {
  for (const env of [{}, { WEBHOOK_SECRET: "" }]) {
    expect(problems(env)).toEqual([expect.stringMatching(/^WEBHOOK_SECRET: .*not set/)]);
  }
});

test("readSettings() says that white space around the secret is what is wrong", () => {
  expect(problems({ WEBHOOK_SECRET: `${secret}\n` })[0]).toContain("white space");
});

test("readSettings() says how long the secret is and how long it must be", () => {
  expect(problems({ WEBHOOK_SECRET: "fifteen-letters" }))
    .toEqual(["WEBHOOK_SECRET: expected at least 16 characters, got 15"]);
});

test("readSettings() repeats what came where that can be no secret", () => {
  expect(problems({ ...valid, PORT: "http" })[0]).toContain('got "http"');
  expect(problems({ ...valid, ROLE: "both" })[0]).toContain('got "both"');
  expect(problems({ ...valid, WEBHOOK_PATH: "webhook" })[0]).toContain('got "webhook"');
});

test("readSettings() names every bad setting in one error", () => {
  const env = Object.fromEntries(Object.entries(badSettings).map(([name, [bad]]) => [name, bad]));
  const found = problems(env);
  expect(found.map((problem) => problem.split(":")[0]).sort())
    .toEqual(Object.keys(badSettings).sort());

  const error = new SettingsError(found);
  for (const name of Object.keys(badSettings)) expect(error.message).toContain(`  ${name}: `);
  expect(error.message).toContain(`${found.length} settings are wrong`);
  expect(error.message).not.toContain("canary");
});

test("readSettings() names a bad setting of the configuration by its name there", () => {
  const found = problems({}, { secret: "canary", port: 70_000 });
  expect(found.find((problem) => problem.startsWith("secret, in the configuration: expected ")))
    .toBeDefined();
  expect(found.find((problem) => problem.startsWith("port, in the configuration: expected ")))
    .toBeDefined();
  expect(found.join()).not.toContain("canary");
});

test("readSettings() refuses values of the wrong type in the configuration", () => {
  const wrong = {
    secret: 12_345_678_901_234_567n,
    port: true,
    host: 5,
    path: ["/webhook"],
    storage: {},
    spool: 5,
    forwardUrl: 7,
    forwardAllowPrivate: 1.5,
    role: 7,
    logLevel: {},
  } as unknown as Config;
  const names = problems({}, wrong).map((problem) => problem.split(",")[0]);
  expect([...new Set(names)].sort()).toEqual(Object.keys(wrong).sort());
});

test("readSettings() refuses an unknown key in the configuration, and names the known ones", () => {
  const found = problems(valid, { ports: 80 } as Config);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(/^ports, in the configuration: expected one of .*\bport\b/);
});

test("readSettings() refuses a processor that is no function", () => {
  const processors = { fine: () => {}, invoices: "save" } as unknown as NonNullable<
    Config["processors"]
  >;
  expect(problems(valid, { processors }))
    .toEqual(["processors.invoices, in the configuration: expected a function"]);
});

const badConfigs: readonly [config: object, expected: string][] = [
  [{ dedupeKey: "job_id" }, "dedupeKey, in the configuration: expected a function"],
  [{ dedupeKey: null }, "dedupeKey, in the configuration: expected a function"],
  [{ processors: [() => {}] }, "processors, in the configuration: expected an object"],
  [{ processors: null }, "processors, in the configuration: expected an object"],
  [{ processors: "log" }, "processors, in the configuration: expected an object"],
  [
    { worker: { concurency: 5 } },
    "worker.concurency, in the configuration: expected no such option",
  ],
  [{ worker: { concurrency: "5" } }, "worker.concurrency, in the configuration: expected a whole"],
  [{ worker: { backoff: 5 } }, "worker.backoff, in the configuration: expected an object"],
  [{ worker: null }, "worker, in the configuration: expected an object"],
];
for (const [config, expected] of badConfigs) {
  test(`readSettings() refuses the configuration ${JSON.stringify(config)}`, () => {
    const found = problems(valid, config as Config);
    expect(found).toEqual([expect.stringContaining(expected)]);
    expect(found[0]?.startsWith(expected)).toBe(true);
  });
}

test("readSettings() takes what is undefined in the configuration as not given", () => {
  const config = {
    processors: undefined,
    dedupeKey: undefined,
    worker: undefined,
    port: undefined,
  };
  expect(readSettings(valid, config as unknown as Config)).toEqual(readSettings(valid));
});

test("readSettings() refuses a FORWARD_SECRET with nothing to sign, also beside another problem", () => {
  const idle = { ...valid, FORWARD_SECRET: "a secret for the target" };
  const expected = expect.stringMatching(/^FORWARD_SECRET: expected a FORWARD_URL/);
  expect(problems(idle)).toEqual([expected]);
  const found = problems({ ...idle, PORT: "http", WEBHOOK_SECRET: "" });
  expect(found).toHaveLength(3);
  expect(found).toContainEqual(expected);
});

for (
  const [text, expected] of Object.entries({
    true: true,
    1: true,
    on: true,
    false: false,
    0: false,
  })
) {
  test(`readSettings() reads FORWARD_ALLOW_PRIVATE=${text} as ${expected}`, () => {
    const env = { ...valid, FORWARD_URL: "https://example.com/", FORWARD_ALLOW_PRIVATE: text };
    expect(readSettings(env).forward?.allowPrivate).toBe(expected);
  });
}

test("readSettings() forwards to public https: URLs as they are", () => {
  const FORWARD_URL = "https://user:password@example.com/hook";
  expect(readSettings({ ...valid, FORWARD_URL }).forward)
    .toEqual({ url: FORWARD_URL, allowPrivate: false });
});

const privateTargets = [
  "http://canary.example.com/hook",
  "https://localhost/canary",
  "https://169.254.169.254/canary",
  "https://[::ffff:127.0.0.1]/canary",
  "https://2130706433/canary",
  "https://canary:canary@10.0.0.1/",
];

for (const FORWARD_URL of privateTargets) {
  test(`readSettings() refuses FORWARD_URL=${FORWARD_URL} unless that is allowed`, () => {
    const found = problems({ ...valid, FORWARD_URL });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^FORWARD_URL: expected .*FORWARD_ALLOW_PRIVATE=true/);
    expect(found[0]).not.toContain("canary");
    const allowed = readSettings({ ...valid, FORWARD_URL, FORWARD_ALLOW_PRIVATE: "true" });
    expect(allowed.forward).toEqual({ url: FORWARD_URL, allowPrivate: true });
  });
}

test("readSettings() does not offer FORWARD_ALLOW_PRIVATE for what it cannot help", () => {
  expect(problems({ ...valid, FORWARD_URL: "example.com" })[0])
    .not.toContain("FORWARD_ALLOW_PRIVATE");
});

test("defineConfig() gives the configuration as it is", () => {
  const config: Config = { port: 1 };
  expect(defineConfig(config)).toBe(config);
});

test("readSettings() names a processor that takes FORWARD_URL's name, beside what else is bad", () => {
  const env = { ...valid, FORWARD_URL: "https://example.com/hook", PORT: "http" };
  expect(problems(env, { processors: { forward: () => {} } })).toEqual([
    expect.stringMatching(/^PORT: /),
    "FORWARD_URL: expected no processor named forward beside it",
  ]);
});
