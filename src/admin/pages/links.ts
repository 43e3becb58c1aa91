/** Where the pages are, for links between them. */
export interface Links {
  /** The path of a page: below `/admin`, with a query where there is one. */
  readonly to: (path?: string, query?: Readonly<Record<string, string | undefined>>) => string;
  readonly event: (id: string) => string;
}

/** @param root Where the first page is: `/admin` and whatever stands before it. */
export function createLinks(root: string): Links {
  const to: Links["to"] = (path = "", query = {}) => {
    const given = Object.entries(query).filter((entry): entry is [string, string] =>
      entry[1] !== undefined
    );
    const search = given.length > 0 ? `?${new URLSearchParams(given)}` : "";
    return `${root}${path}${search}`;
  };
  return { to, event: (id) => to(`/events/${encodeURIComponent(id)}`) };
}

/**
 * Where to go on after signing in: a path of ours, whatever was sent; the first page where it is none.
 *
 * @param url Of the request that sent it.
 */
export function safeNext(next: string | null, url: string, root: string): string {
  const base = new URL(url);
  if (next === null || !next.startsWith("/") || !URL.canParse(next, base)) return root;
  const { origin, pathname, search } = new URL(next, base);
  const isOurs = origin === base.origin && (pathname === root || pathname.startsWith(`${root}/`));
  return isOurs ? pathname + search : root;
}
