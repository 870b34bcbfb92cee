// The person's own switch in a front end, against a site made of answers.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { chooseSharing, readSharing } from "../src/choice.js";

let asked: [string, string, string][];
let answer: (method: string) => Response;

beforeEach(() => {
  asked = [];
  answer = () => Response.json({ telemetry_enabled: true, message: "Thank you for helping improve Rhesis!" });
  Object.assign(globalThis, {
    document: { cookie: "theme=dark; csrftoken=secret; other=1" },
    fetch: async (url: string, init: RequestInit) => {
      asked.push([init.method!, url, (init.headers as Record<string, string>)["X-CSRFToken"]!]);
      return answer(init.method!);
    },
  });
  Object.defineProperty(globalThis, "navigator", { value: { onLine: true }, configurable: true });
});

test("a choice is saved with the site's token, and every tab is told", async () => {
  const tab = new BroadcastChannel("privacy");
  const heard = new Promise((resolve) => (tab.onmessage = ({ data }) => resolve(data)));
  assert.deepEqual(await chooseSharing(true), { enabled: true, message: "Thank you for helping improve Rhesis!", saved: true });
  assert.deepEqual(asked, [["PUT", "/api/users/telemetry/enable", "secret"]]);
  assert.deepEqual(await heard, { wanted: true, enabled: true, message: "Thank you for helping improve Rhesis!" });
  tab.close();
});

test("without a token yet, the site is asked for one first", async () => {
  Object.assign(globalThis, { document: { cookie: "" } });
  answer = (method) => {
    if (method === "GET") Object.assign(globalThis, { document: { cookie: "csrftoken=fresh" } });
    return Response.json({ telemetry_enabled: false, message: "Telemetry has been disabled." });
  };
  assert.equal((await chooseSharing(false, { apiUrl: "/site/api" })).saved, true);
  assert.deepEqual(asked, [
    ["GET", "/site/api/status", ""],
    ["PUT", "/site/api/disable", "fresh"],
  ]);
});

for (const [what, status, words] of [
  ["signed out", 401, "sign in again"],
  ["refused", 403, "reload this page"],
  ["a site that cannot", 503, "try again"],
] as const) {
  test(`${what}: nothing is changed, and the person is told what to do`, async () => {
    answer = () => new Response("{}", { status });
    const outcome = await chooseSharing(false);
    assert.equal(outcome.saved, false);
    assert.match(outcome.message, /^Nothing was changed: /);
    assert.ok(outcome.message.includes(words));
  });
}

test("offline, nothing is changed, and the person is told so", async () => {
  Object.defineProperty(globalThis, "navigator", { value: { onLine: false }, configurable: true });
  answer = () => {
    throw new TypeError("Failed to fetch");
  };
  assert.deepEqual(await chooseSharing(true), { enabled: false, message: "You're offline. Nothing was changed; please try again when you are online.", saved: false });
});

test("what the switch shows is the site's answer, and nothing where there is none", async () => {
  assert.equal(await readSharing(), true);
  answer = () => new Response("{}", { status: 401 });
  assert.equal(await readSharing(), null);
  answer = () => {
    throw new TypeError("Failed to fetch");
  };
  assert.equal(await readSharing(), null);
});

for (const [what, stranger] of [
  ["a page", () => new Response("<title>Sign in to this network</title>", { headers: { "Content-Type": "text/html" } })],
  ["something else in JSON", () => Response.json({})],
  ["nothing in JSON", () => Response.json(null)],
  ["another type", () => Response.json({ telemetry_enabled: "yes" })],
] as const) {
  test(`${what} from somebody in between saves nothing and shows nothing`, async () => {
    answer = stranger;
    const outcome = await chooseSharing(false);
    assert.deepEqual([outcome.saved, outcome.enabled], [false, false]);
    assert.match(outcome.message, /Reload this page to see/);
    assert.equal(await readSharing(), null);
  });
}
