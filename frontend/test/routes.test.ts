import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { routes } from "../src/declared.js";
import { routeOf } from "../src/routes.js";

// The site's own grammar of routes is held to the same table: tests/analytics/test_routes.py.
const TABLE = JSON.parse(readFileSync("../tests/routes.json", "utf8")) as { paths: { path: string; page?: string }[] };

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

for (const { path, page } of TABLE.paths) {
  test(`of the path ${path} only a declared pattern is left`, () => {
    assert.ok(routes().includes(routeOf(path)));
    if (page !== undefined) assert.equal(routeOf(path), page);
  });
}
