import { decode, encode, type SourceMapSegment } from "@jridgewell/sourcemap-codec";

/** The parts of a source map that are read here. */
export interface SourceMap {
  readonly sources: readonly string[];
  readonly mappings: string;
}

/** A source map as files hold it. */
export interface ThinMap extends SourceMap {
  readonly version: 3;
  readonly sourceRoot: string;
  readonly names: readonly string[];
}

/** Code that stands in a stack: whatever calls or throws. */
const canThrow = /\(|throw/;

/**
 * A map that leads each place that calls or throws to its file and line, and to nothing finer: a
 * sixth of the whole. Sources are not in it, but lie below `sourceRoot`.
 */
export function thinMap(
  code: string,
  { sources, mappings }: SourceMap,
  sourceRoot: string,
): ThinMap {
  const lines = code.split("\n");
  const thin = decode(mappings).map((segments, index) => thinLine(lines[index] ?? "", segments));
  return { version: 3, sourceRoot, sources, names: [], mappings: encode(thin) };
}

function thinLine(text: string, segments: readonly SourceMapSegment[]): SourceMapSegment[] {
  // Of the segments of one line of a source, in a row, the first says it for all of them.
  const starts = segments.filter((segment, index) => !isSameLine(segment, segments[index - 1]));
  const thrown = starts.filter(([column], index) =>
    canThrow.test(text.slice(column, starts[index + 1]?.[0]))
  );
  return thrown
    .filter((segment, index) => !isSameLine(segment, thrown[index - 1]))
    .map(([column, source = 0, line = 0]) => [column, source, line, 0]);
}

function isSameLine(one: SourceMapSegment, other: SourceMapSegment | undefined): boolean {
  return other !== undefined && one[1] === other[1] && one[2] === other[2];
}
