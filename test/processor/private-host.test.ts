import { expect, test } from "vitest";
import { isPrivateHost } from "../../src/processor/private-host.ts";

/** A host as it may stand in a URL, and as `URL` gives it. */
const hostnameOf = (host: string) => new URL(`https://${host}/`).hostname;

const privateHosts: Record<string, readonly string[]> = {
  "loopback": ["127.0.0.1", "127.255.255.254", "localhost", "LOCALHOST", "a.localhost", "[::1]"],
  "the metadata service": ["169.254.169.254", "metadata.google.internal"],
  "link-local": ["169.254.0.1", "169.254.255.255", "[fe80::1]", "[febf::1]"],
  "10/8": ["10.0.0.0", "10.255.255.255"],
  "172.16/12": ["172.16.0.1", "172.31.255.255"],
  "192.168/16": ["192.168.0.1", "192.168.255.255"],
  "100.64/10": ["100.64.0.1", "100.127.255.255"],
  "this host": ["0.0.0.0", "0.1.2.3", "[::]"],
  "multicast and reserved": ["224.0.0.1", "240.0.0.1", "255.255.255.255", "[ff02::1]"],
  "for documents and benchmarks": [
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "198.18.0.1",
    "198.19.255.255",
    "[2001:db8::1]",
  ],
  "unique local": ["[fc00::1]", "[fd12:3456:789a::1]", "[fdff:ffff::]"],
  "site-local": ["[fec0::1]"],
  "a decimal number": ["2130706433", "2852039166", "0"],
  "hexadecimal or octal": ["0x7f.1", "0x7f000001", "0177.0.0.1", "017700000001"],
  "a short form": ["127.1", "10.1", "192.168.1"],
  "full-width digits": ["１２７.0.0.1", "127。0。0。1"],
  "IPv4 mapped into IPv6": [
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[0:0:0:0:0:ffff:192.168.0.1]",
  ],
  "IPv4 in another IPv6 form": [
    "[::127.0.0.1]",
    "[64:ff9b::10.0.0.1]",
    "[64:ff9b:1::a00:1]",
    "[2002:7f00:1::]",
    "[2002:c0a8:1::1]",
  ],
  "a trailing dot": ["localhost.", "127.0.0.1.", "printer.local.", "intranet."],
  "an internal name": ["intranet", "db", "printer.local", "db.internal", "nas.home.arpa"],
};

for (const [kind, hosts] of Object.entries(privateHosts)) {
  for (const host of hosts) {
    test(`isPrivateHost() finds ${host} private: ${kind}`, () => {
      expect(isPrivateHost(hostnameOf(host))).toBe(true);
    });
  }
}

const publicHosts = [
  "example.com",
  "example.com.",
  "EXAMPLE.com",
  "münchen.example.org",
  "localhost.example.com",
  "internal.example.com",
  "notlocal.net",
  "mylocalhost.com",
  "10.example.com",
  "1.1.1.1",
  "9.255.255.255",
  "11.0.0.0",
  "100.63.255.255",
  "100.128.0.0",
  "126.255.255.255",
  "128.0.0.1",
  "169.253.255.255",
  "169.255.0.0",
  "172.15.255.255",
  "172.32.0.0",
  "192.167.255.255",
  "192.169.0.0",
  "198.17.255.255",
  "198.20.0.0",
  "223.255.255.255",
  "[2606:4700:4700::1111]",
  "[2a00:1450:4001:81b::200e]",
  "[::ffff:1.1.1.1]",
  "[64:ff9b::1.1.1.1]",
  "[2002:101:101::1]",
];

for (const host of publicHosts) {
  test(`isPrivateHost() finds ${host} public`, () => {
    expect(isPrivateHost(hostnameOf(host))).toBe(false);
  });
}
