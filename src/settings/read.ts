import type { Config } from "../config.ts";
import type { Form, Reading } from "./forms.ts";

/** An environment. Names that are no settings are left alone. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Every setting that is wrong, each with what was expected. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
  /** A line each, which begins with the setting's name. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    const count = problems.length === 1 ? "A setting is" : `${problems.length} settings are`;
    super([`${count} wrong:`, ...problems.map((problem) => `  ${problem}`)].join("\n"));
    this.problems = problems;
  }
}

/** A setting. */
export interface Setting<T, Unset extends T | undefined> {
  /** In the environment. */
  readonly name: string;
  readonly form: Form<T>;
  /** What is read where it is not set. */
  readonly unset: Reading<Unset>;
}

/** Settings that always have a value, by their names in the configuration. */
export type Always<Keys extends keyof Config> = {
  readonly [Key in Keys]: Setting<Required<Config>[Key], Required<Config>[Key]>;
};

/** Settings that may have none. */
export type Maybe<Keys extends keyof Config> = {
  readonly [Key in Keys]: Setting<Required<Config>[Key], undefined>;
};

/** One with a default. */
export const setting = <T>(name: string, form: Form<T>, value: T): Setting<T, T> => ({
  name,
  form,
  unset: { value },
});

/** One that may be left out. */
export const optional = <T>(name: string, form: Form<T>): Setting<T, undefined> => ({
  name,
  form,
  unset: { value: undefined },
});

/** One that has to be set: its form says so of empty text. */
export const required = <T>(name: string, form: Form<T>): Setting<T, T> => ({
  name,
  form,
  unset: form(""),
});

type Settings = { readonly [Key in keyof Config]?: Setting<unknown, unknown> };

/** What was set for each. */
export type Gathered<Keys extends PropertyKey = keyof Config> = {
  readonly [Key in Keys]: {
    readonly value: unknown;
    /** How a user knows it. */
    readonly label: string;
    /** What a user should know of it where it is wrong. */
    readonly hint?: string;
  };
};

/** Of two values for one setting that of the environment counts; one that is empty is not set. */
export function gather<Of extends Settings>(
  settings: Of,
  env: Environment,
  config: Config,
): Gathered<keyof Of> {
  const named = Object.entries(settings) as [keyof Config, Setting<unknown, unknown>][];
  return Object.fromEntries(named.map(([key, { name }]) => {
    const fromConfig = !env[name] && config[key] !== undefined;
    return [
      key,
      fromConfig
        ? { value: config[key], label: `${key}, in the configuration` }
        : { value: env[name] || undefined, label: name },
    ];
  })) as Gathered<keyof Of>;
}

/** What was read of each. */
export type Values<Of extends Settings> = {
  readonly [Key in keyof Of]: Of[Key] extends Setting<infer T, infer Unset> ? T | Unset : never;
};

/**
 * Reads what was gathered.
 *
 * @param more What is wrong beside it.
 * @throws {SettingsError} which names all that is wrong.
 */
export function read<Of extends Settings>(
  settings: Of,
  gathered: Gathered<keyof Of>,
  more: readonly string[] = [],
): Values<Of> {
  const values: Partial<Record<keyof Of, unknown>> = {};
  const problems: string[] = [];
  for (const key of Object.keys(settings) as (keyof Of & keyof Config)[]) {
    const { form, unset } = settings[key] as Setting<unknown, unknown>;
    const { value, label, hint = "" } = gathered[key];
    const reading = value === undefined ? unset : form(value);
    if ("problem" in reading) problems.push(`${label}: ${reading.problem}${hint}`);
    else values[key] = reading.value;
  }
  problems.push(...more);
  if (problems.length > 0) throw new SettingsError(problems);
  return values as Values<Of>;
}
