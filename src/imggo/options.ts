import { isLoopback } from "../loopback.ts";

/** Where ImgGo's API is. */
export const defaultBaseUrl = "https://img-go.com/api";

/** What is wrong with an API key, or `undefined`. The sentence never holds the key. */
export function apiKeyProblem(key: unknown): string | undefined {
  if (typeof key !== "string") return "expected text";
  if (key === "") return "expected the API key of your ImgGo account; it is not set";
  // A header takes nothing else, and some runtimes repeat what they refuse.
  if (!/^[\x21-\x7e]+$/.test(key)) {
    return "expected an API key of ImgGo, without spaces, line ends and letters beyond ASCII";
  }
  return undefined;
}

/** What is wrong with the API's URL, or `undefined`. */
export function baseUrlProblem(url: unknown): string | undefined {
  const expected = `expected an https: URL such as ${defaultBaseUrl}`;
  if (typeof url !== "string" || !URL.canParse(url)) return expected;
  const { protocol, hostname, username, password, search, hash } = new URL(url);
  if (username || password) return "expected a URL without credentials: IMGGO_API_KEY holds them";
  if (search || hash) return "expected a URL without a query and a fragment";
  if (protocol === "http:") {
    return isLoopback(hostname) ? undefined : `${expected}: over http: the key could be read`;
  }
  return protocol === "https:" ? undefined : expected;
}
