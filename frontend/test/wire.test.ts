import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { post, resultOf } from "../src/wire.js";

const fetchOfNode = globalThis.fetch;
afterEach(() => void (globalThis.fetch = fetchOfNode));

const MEANINGS: [number, string | null, unknown][] = [
  [200, null, "done"],
  [204, null, "done"],
  [400, null, "never"],
  [401, null, "off"],
  [403, null, "off"],
  [404, null, "off"],
  [409, null, "never"],
  [413, null, "split"],
  [415, null, "never"],
  [408, null, { laterInMs: 0 }],
  [429, "7", { laterInMs: 7000 }],
  [500, null, { laterInMs: 0 }],
  [503, "Wed, 21 Oct 2026 07:28:00 GMT", { laterInMs: 0 }],
  [503, "999999", { laterInMs: 600_000 }],
];

for (const [status, retryAfter, meaning] of MEANINGS) {
  test(`${status}${retryAfter ? ` after ${retryAfter}` : ""} means ${JSON.stringify(meaning)}`, () =>
    assert.deepEqual(resultOf(status, retryAfter), meaning));
}

test("a request tells no address of the page and sends cookies to this site only", async () => {
  let seen: RequestInit | undefined;
  globalThis.fetch = async (_url, init) => {
    seen = init;
    return new Response("{}");
  };
  assert.equal(await post("https://site.example/v1/traces", "{}", { "X-Telemetry-Page": "mark" }, true), "done");
  assert.deepEqual(seen, {
    method: "POST",
    body: "{}",
    headers: { "Content-Type": "application/json", "X-Telemetry-Page": "mark" },
    keepalive: true,
    credentials: "same-origin",
    referrerPolicy: "no-referrer",
    redirect: "error",
  });
});

test("a page that stays gives up on an answer that does not come", async () => {
  let signal: AbortSignal | null | undefined;
  globalThis.fetch = async (_url, init) => {
    signal = init?.signal;
    return new Response("{}");
  };
  await post("https://site.example/v1/traces", "{}", {}, false);
  assert.ok(signal);
});

test("an answer is read to its end, so that its request does not stay under way", async () => {
  let answer: Response | undefined;
  globalThis.fetch = async () => (answer = new Response("{}"));
  await post("https://site.example/v1/traces", "{}", {}, false);
  assert.equal(answer?.bodyUsed, true);
});

test("an answer that breaks off has been given", async () => {
  globalThis.fetch = async () =>
    new Response(new ReadableStream({ pull: (controller) => controller.error(new Error("gone")) }));
  assert.equal(await post("https://site.example/v1/traces", "{}", {}, false), "done");
});

test("a page with a 200 is from somebody in between, and nobody has the spans", async () => {
  for (const type of ["text/html", "text/html; charset=utf-8", "application/xhtml+xml", "TEXT/HTML"]) {
    globalThis.fetch = async () => new Response("<title>Sign in to this network</title>", { headers: { "Content-Type": type } });
    assert.deepEqual(await post("https://site.example/v1/traces", "{}", {}, false), { laterInMs: 0 });
  }
});

test("a site's own page of an error means what its status means", async () => {
  globalThis.fetch = async () => new Response("<title>403</title>", { status: 403, headers: { "Content-Type": "text/html" } });
  assert.equal(await post("https://site.example/v1/traces", "{}", {}, false), "off");
});

test("an answer without a type is one", async () => {
  globalThis.fetch = async () => new Response(null, { status: 200 });
  assert.equal(await post("https://collector.example/v1/traces", "{}", {}, false), "done");
});
