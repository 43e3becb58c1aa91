/**
 * Whether a host is this machine itself, as far as its name or address tells.
 *
 * @param hostname As `URL` gives it.
 */
export function isLoopback(hostname: string): boolean {
  return hostname === "[::1]" || /(?:^|\.)localhost\.?$/.test(hostname) ||
    /^127(?:\.\d+){3}$/.test(hostname);
}
