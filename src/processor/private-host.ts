// Ranges that no public host has: address, prefix length.
// https://www.iana.org/assignments/iana-ipv4-special-registry
const privateRanges4: readonly (readonly [address: string, bits: number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
];

const privateNames = ["localhost", "local", "internal", "home.arpa"];

/**
 * Whether a host is loopback, private, link-local or otherwise not public, as far as its name or
 * address tells.
 *
 * @param hostname As `URL` gives it: other spellings of an address (`2130706433`) are resolved.
 */
export function isPrivateHost(hostname: string): boolean {
  if (hostname.startsWith("[")) return isPrivate6(hostname.slice(1, -1));
  if (/^\d+\.\d+\.\d+\.\d+$/.test(hostname)) return isPrivate4(toNumber(hostname));
  const name = hostname.replace(/\.$/, "");
  return !name.includes(".") ||
    privateNames.some((suffix) => name === suffix || name.endsWith(`.${suffix}`));
}

function isPrivate4(address: number): boolean {
  return privateRanges4.some(([range, bits]) => {
    const size = 2 ** (32 - bits);
    return Math.floor(address / size) === Math.floor(toNumber(range) / size);
  });
}

function toNumber(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function isPrivate6(address: string): boolean {
  const groups = expand(address);
  const [first = 0] = groups;
  const head = groups.slice(0, 6).join(",");
  const embedded4 = (groups[6] ?? 0) * 0x1_0000 + (groups[7] ?? 0);
  // IPv4 inside IPv6: mapped, translated by NAT64, and the long deprecated compatible form, which
  // `::` and `::1` share.
  if (head === "0,0,0,0,0,65535" || head === "100,65435,0,0,0,0" || head === "0,0,0,0,0,0") {
    return isPrivate4(embedded4);
  }
  // Only 2000::/3 is handed out to the public; of it, 2001:db8::/32 is for documents and 2002::/16
  // (6to4) holds an IPv4 address.
  if (first === 0x2002) return isPrivate4((groups[1] ?? 0) * 0x1_0000 + (groups[2] ?? 0));
  return first >> 13 !== 1 || (first === 0x2001 && groups[1] === 0xdb8);
}

/** The eight groups of an address as `URL` writes it: hexadecimal, at most one `::`. */
function expand(address: string): number[] {
  const [left = [], right = []] = address.split("::").map((part) =>
    part.split(":").filter((group) => group !== "").map((group) => Number.parseInt(group, 16))
  );
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
}
