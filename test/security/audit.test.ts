import { expect, test } from "vitest";
import { auditVerdict } from "./audit-verdict.ts";

test("auditVerdict() clears what has no vulnerability", () => {
  const printed = '{"vulnerabilities":{},"metadata":{"vulnerabilities":{"total":0}}}';
  expect(auditVerdict(printed).kind).toBe("clean");
});

test("auditVerdict() names what has one", () => {
  const vulnerabilities = { hono: { severity: "high" }, pg: { severity: "low" } };
  const report = { vulnerabilities, metadata: { vulnerabilities: { total: 2 } } };
  expect(auditVerdict(JSON.stringify(report)))
    .toEqual({ kind: "vulnerable", text: "npm audit: 2 vulnerable: hono (high), pg (low)." });
});

test.each([
  ["a registry without an audit", '{"message":"405 Method Not Allowed","statusCode":405}', "405"],
  ["no network", '{"message":"getaddrinfo ENOTFOUND","error":{"code":"ENOTFOUND"}}', "ENOTFOUND"],
  ["what is no JSON", "npm error\nmore", "npm error"],
  ["nothing", "", "it printed nothing"],
])("auditVerdict() takes %s neither for a finding nor for an all-clear", (_, printed, reason) => {
  const { kind, text } = auditVerdict(printed);
  expect(kind).toBe("not audited");
  expect(text).toMatch(/^NOT AUDITED: /);
  expect(text).toContain(reason);
});
