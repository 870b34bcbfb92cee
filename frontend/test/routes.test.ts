import assert from "node:assert/strict";
import { test } from "node:test";
import { routeOf } from "../src/routes";

const CASES: [string, string][] = [
  ["/", "/"],
  ["", "/"],
  ["/tests", "/tests"],
  ["/tests/", "/tests"],
  ["/tests/4711", "/tests/:id"],
  ["/tests/ada@example.com", "/tests/:id"],
  ["/tests/4711?token=secret#hash", "/tests/:id"],
  ["/tests/4711/secret", "other"],
  ["/tests?user=ada", "/tests"],
  ["/settings/privacy/", "/settings/privacy/"],
  ["/settings/privacy", "/settings/privacy/"],
  ["/reset/some-secret-token", "other"],
  ["/other", "other"],
  ["https://rhesis.example/projects/123?x#y", "/projects/:id"],
  ["/__proto__", "other"],
  ["/TESTS", "other"],
];

for (const [path, route] of CASES) {
  test(`the route of ${path || "nothing"} is ${route}`, () => assert.equal(routeOf(path), route));
}
