/** What the router found in the segments of a path, decoded. */
export function pathParameters(request: Request): Record<string, string> {
  const { params = {} } = request as { params?: Readonly<Record<string, string>> };
  return Object.fromEntries(Object.entries(params).map(([name, text]) => [name, decoded(text)]));
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
