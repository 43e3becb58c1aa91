/** Where the receiver answers beside the webhook. */
export const healthPath = "/healthz";
/** Where the receiver says whether its storage answers. */
export const readyPath = "/readyz";

/** What is wrong with a path for the webhook, or `undefined`. */
export function pathProblem(path: string): string | undefined {
  const got = `got ${JSON.stringify(path)}`;
  if (path === healthPath || path === readyPath) {
    return `expected another path than ${healthPath} and ${readyPath}, ${got}`;
  }
  // The router gives colons, stars and parentheses a meaning of their own.
  if (!/^\/$|^(?:\/[\w.~-]+)+$/.test(path)) {
    return `expected plain segments such as /webhook, ${got}`;
  }
  return undefined;
}

/** What is wrong with a path before all others, or `undefined`. */
export function basePathProblem(path: string): string | undefined {
  if (/^(?:\/[\w.~-]+)*$/.test(path)) return undefined;
  return `expected plain segments such as /hooks, without a slash at the end, got ${
    JSON.stringify(path)
  }`;
}

/** Whether a URL without a query has this path, told without parsing it. */
export function isAt(path: string, url: string): boolean {
  return url.endsWith(path) && url.indexOf("/", url.indexOf("//") + 2) === url.length - path.length;
}
