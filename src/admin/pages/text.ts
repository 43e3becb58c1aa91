import { relativeTime } from "../../relative-time.ts";
import { type Content, type Html, markup } from "./markup.ts";

// How numbers, times and texts are told, everywhere alike.

/** A time as people say it, with the exact one behind it. */
export function time(iso: string, said: string = relativeTime(iso)): Html {
  const exact = `${iso.replace("T", " ").replace(/\.\d+Z$|Z$/, "")} UTC`;
  return markup`<time datetime="${iso}" title="${exact}">${said}</time>`;
}

/** A time in full, as people say it behind it. */
export function fullTime(iso: string): Html {
  const exact = iso.replace("T", " ").replace("Z", "");
  return markup`<time datetime="${iso}" title="${exact} UTC">${
    exact.slice(0, 19)
  } UTC</time> <span class="soft">(${relativeTime(iso)})</span>`;
}

/** How long something takes or took. */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1_000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const [size, unit] = seconds < 3_600
    ? [60, "min"]
    : seconds < 172_800
    ? [3_600, "h"]
    : [86_400, "days"];
  return `${Math.floor(seconds / Number(size))} ${unit}`;
}

/** A whole number with its thousands apart. */
export function whole(count: number): string {
  return count.toLocaleString("en");
}

/** So many of something: `1 delivery`, `2 deliveries`. */
export function several(count: number, one: string, many: string = `${one}s`): string {
  return `${whole(count)} ${count === 1 ? one : many}`;
}

/** A size in bytes. */
export function size(bytes: number): string {
  if (bytes < 1_024) return several(bytes, "byte");
  const [divisor, unit] = bytes < 1_048_576 ? [1_024, "KiB"] as const : [1_048_576, "MiB"] as const;
  return `${(bytes / divisor).toFixed(1)} ${unit}`;
}

/** Text of elsewhere that is a name: the direction of its letters stays within it. */
export function mono(text: string): Html {
  return markup`<bdi class="mono">${text}</bdi>`;
}

/** A button that copies, where a script makes it one. */
export function copyButton(text: string, what: string): Html {
  return markup`<button type="button" class="small" data-copy="${text}" hidden>Copy<span class="unseen"> ${what}</span></button>`;
}

/** Something that is known, in a list of such (`dl`). */
export function fact(name: string, value: Content, more?: Content): Html {
  return markup`<div>
<dt>${name}</dt>
<dd>${value}${more && markup`<small>${more}</small>`}</dd>
</div>`;
}
