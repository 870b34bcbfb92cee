// The package as a page uses it, on a page made of what it touches: location, document, storage, channel and fetch.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

const PSEUDONYMS = { "user.id": "u".repeat(36), "organization.id": "o".repeat(36), "session.id": "s".repeat(36) };

interface Request {
  url: string;
  body: any;
  keepalive: boolean;
  page: string | undefined;
}

const NodeChannel = BroadcastChannel;
let channels: BroadcastChannel[] = [];
/** A page's, which goes with it: a page of an earlier test is no other tab of this one's. */
class PageChannel extends NodeChannel {
  constructor(name: string) {
    super(name);
    channels.push(this);
  }
}

let requests: Request[];
let identity: object | null;
let page: EventTarget;
let storage: Map<string, string>;
let telemetry: typeof import("../src/index.js");
const originals = { fetch: globalThis.fetch };

beforeEach(async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  online(true);
  requests = [];
  storage = new Map();
  page = new EventTarget();
  identity = { telemetry_enabled: true, now_ms: Date.now(), page: "mark", since_ms: Date.now() - 1000, expires_ms: Date.now() + 60_000 };
  const sessionStorage = {
    getItem: (key: string) => storage.get(key) ?? null,
    setItem: (key: string, value: string) => void storage.set(key, value),
    removeItem: (key: string) => void storage.delete(key),
  };
  Object.assign(globalThis, {
    window: globalThis,
    BroadcastChannel: PageChannel,
    location: new URL("https://site.example/tests/4711?secret=1"),
    document: Object.assign(new EventTarget(), { visibilityState: "visible" }),
    sessionStorage,
    addEventListener: page.addEventListener.bind(page),
    navigation: new EventTarget(),
    history: { pushState: () => {}, replaceState: () => {} },
    parent: undefined,
    fetch: async (url: string, init: RequestInit) => {
      if (url.endsWith("/identity")) return identity ? Response.json(identity) : new Response("", { status: 401 });
      const headers = init.headers as Record<string, string>;
      requests.push({ url, body: JSON.parse(init.body as string), keepalive: !!init.keepalive, page: headers["X-Telemetry-Page"] });
      return new Response("{}");
    },
  });
  // Copies of the package share what is on their page, and this is another page.
  delete (globalThis as Record<symbol, unknown>)[Symbol.for("rhesis.telemetry.2")];
  const anew = new URL(`telemetry.bundle.mjs?${Math.random()}`, import.meta.url).href;
  telemetry = (await import(anew)) as typeof telemetry;
});

afterEach(async () => {
  await telemetry.setTelemetryEnabled(false);
  for (const channel of channels.splice(0)) channel.close();
  mock.timers.reset();
  globalThis.fetch = originals.fetch;
});

async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms);
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

function spans(): any[] {
  return requests.flatMap(({ body }) => body.resourceSpans.flatMap((r: any) => r.scopeSpans.flatMap((s: any) => s.spans)));
}

function attributes(span: any): Record<string, unknown> {
  return Object.fromEntries(span.attributes.map(({ key, value }: any) => [key, Object.values(value)[0]]));
}

test("an empty endpoint is no telemetry", async () => {
  for (const endpoint of ["", undefined]) assert.equal(await telemetry.initTelemetry({ endpoint }), false);
  telemetry.trackPageView("/dashboard");
  await pass(10_000);
  assert.deepEqual(requests, []);
});

test("nothing is recorded before there is consent", async () => {
  identity = { telemetry_enabled: false, now_ms: Date.now() };
  assert.equal(await telemetry.initTelemetry({ endpoint: "/v1/traces" }), false);
  telemetry.trackPageView("/dashboard");
  assert.equal(telemetry.isTelemetryEnabled(), false);
  await pass(10_000);
  assert.deepEqual([requests, storage.size], [[], 0]);
});

test("on this site a view is its pattern, and no id is on it", async () => {
  assert.equal(await telemetry.initTelemetry({ endpoint: "/v1/traces" }), true);
  await pass(1000);
  assert.deepEqual([requests[0]!.url, requests[0]!.page], ["https://site.example/v1/traces", "mark"]);
  assert.equal(spans().length, 1);
  assert.deepEqual(attributes(spans()[0]), {
    "event.category": "feature_usage",
    "feature.name": "page_view",
    "feature.action": "viewed",
    "metadata.route": "/tests/:id",
  });
  assert.match(spans()[0].traceId, /^[0-9a-f]{32}$/);
  assert.match(spans()[0].spanId, /^[0-9a-f]{16}$/);
  assert.ok(!JSON.stringify(requests).includes("4711"));
});

/** An app's own: what `export_catalogue --format typescript` writes, less its types. */
const OWN = {
  user_activity: { price_compared: [[], { count: [0, 10] }] },
  feature_usage: {
    price_list: [["sorted"], { by: ["name", "price"] }],
    page_view: [["viewed"], { route: ["/:section/:id", "/pricing", "/pricing/:id", "other"] }],
  },
} satisfies import("../src/index.js").Declared;

test("with a catalogue of its own, an app's events and routes are recorded, and the package's are not", async () => {
  Object.assign(globalThis, { location: new URL("https://site.example/pricing/4711") });
  await telemetry.initTelemetry({ endpoint: "/v1/traces", catalogue: OWN });
  const { trackEvent, trackFeatureUsage } = telemetry as unknown as Record<string, (...what: unknown[]) => void>;
  trackEvent!("price_compared", { count: 3 });
  trackEvent!("price_compared", { count: 11 });
  trackFeatureUsage!("price_list", "sorted", { by: "price" });
  trackFeatureUsage!("price_list", "burnt");
  trackEvent!("button_click", { button_id: "create_test" });
  telemetry.trackPageView("/tests/4711/secret");
  await pass(1000);
  assert.deepEqual(
    spans().map((span) => {
      const { "event.category": _, ...rest } = attributes(span);
      return rest;
    }),
    [
      { "feature.name": "page_view", "feature.action": "viewed", "metadata.route": "/pricing/:id" },
      { "event.type": "price_compared", "metadata.count": 3 },
      { "feature.name": "price_list", "feature.action": "sorted", "metadata.by": "price" },
      { "feature.name": "page_view", "feature.action": "viewed", "metadata.route": "other" },
    ],
  );
});

test("an app's catalogue counts from when it is given, also where the site's own script began", async () => {
  await telemetry.initTelemetry({ endpoint: "/v1/traces", autoPageViews: false });
  await telemetry.initTelemetry({ endpoint: "/v1/traces", catalogue: OWN });
  await telemetry.initTelemetry({ endpoint: "/v1/traces" });
  telemetry.trackPageView("/pricing/4711");
  await pass(1000);
  assert.equal(attributes(spans()[0])["metadata.route"], "/pricing/:id");
});

for (const [what, catalogue] of [
  ["nothing", {}],
  ["no routes", { feature_usage: { page_view: [["viewed"], {}] } }],
] as const) {
  test(`a catalogue with ${what} in it records nothing and hurts nobody`, async () => {
    await telemetry.initTelemetry({ endpoint: "/v1/traces", catalogue: catalogue as object as typeof OWN });
    telemetry.trackEvent("button_click", { button_id: "create_test" });
    await pass(1000);
    assert.deepEqual(requests, []);
  });
}

test("ids given to the calls go nowhere", async () => {
  await telemetry.initTelemetry({ endpoint: "/v1/traces", autoPageViews: false });
  telemetry.trackPageView("/dashboard", "raw-user", "raw-organization");
  telemetry.trackEvent("button_click", { button_id: "create_test" }, "raw-user", "raw-organization");
  telemetry.trackFeatureUsage("test_run", "created", { test_id: "123" }, "raw-user", "raw-organization");
  await pass(1000);
  assert.equal(spans().length, 3);
  assert.ok(!JSON.stringify(requests).includes("raw-"));
});

test("to a collector elsewhere everything goes under pseudonyms, and ids in the metadata not at all", async () => {
  identity = { ...identity, identity: PSEUDONYMS };
  await telemetry.initTelemetry({ endpoint: "https://telemetry.example", deploymentType: "cloud", autoPageViews: false });
  telemetry.trackFeatureUsage("test_run", "created", { test_id: "123", test_count: 7 });
  telemetry.trackEvent("button_click", { button_id: "create_test" });
  await pass(1000);
  assert.deepEqual([requests[0]!.url, requests[0]!.page], ["https://telemetry.example/v1/traces", undefined]);
  const [run, click] = spans().map(attributes);
  const { "session.id": session, ...people } = PSEUDONYMS;
  assert.deepEqual(run, {
    "event.category": "feature_usage",
    "feature.name": "test_run",
    "feature.action": "created",
    "metadata.test_count": 7,
    ...people,
  });
  assert.equal(click!["session.id"], session);
  assert.equal(storage.get("rhesis-telemetry")?.includes("u".repeat(36)), false);
});

test("to a collector elsewhere consent is asked for again before each send", async () => {
  identity = { ...identity, identity: PSEUDONYMS };
  await telemetry.initTelemetry({ endpoint: "https://telemetry.example" });
  identity = { telemetry_enabled: false, now_ms: Date.now() };
  await pass(1000);
  assert.deepEqual([requests, telemetry.isTelemetryEnabled(), storage.size], [[], false, 0]);
});

test("to a collector elsewhere nothing goes from before consent, nor on an identity that is too old", async () => {
  identity = { ...identity, identity: PSEUDONYMS, since_ms: Date.now() + 60_000 };
  await telemetry.initTelemetry({ endpoint: "https://telemetry.example" });
  await pass(1000);
  assert.deepEqual(spans(), []);
  identity = { ...identity, expires_ms: Date.now() - 1 };
  requests = [];
  telemetry.trackPageView("/dashboard");
  await pass(5000);
  page.dispatchEvent(new Event("pagehide"));
  assert.deepEqual(requests, []);
});

test("switching off throws the queue away, also when the page closes", async () => {
  await telemetry.initTelemetry({ endpoint: "/v1/traces" });
  for (let number = 0; number < 100; number++) telemetry.trackPageView("/dashboard");
  await telemetry.setTelemetryEnabled(false);
  page.dispatchEvent(new Event("pagehide"));
  telemetry.trackPageView("/dashboard");
  await pass(100_000);
  assert.deepEqual([requests, storage.size], [[], 0]);
});

test("what other scripts say on the channel is no decision", async () => {
  const states: string[] = [];
  await telemetry.initTelemetry({ endpoint: "/v1/traces", onState: (state) => states.push(state) });
  const [other, listener] = [new BroadcastChannel("privacy"), new BroadcastChannel("privacy")];
  const heard = new Promise<void>((resolve) => (listener.onmessage = ({ data }) => data?.last && resolve()));
  for (const message of [null, "hello", 7, {}, { enabled: "false" }, { wanted: false }, { last: true }]) other.postMessage(message);
  await heard;
  await pass(1000);
  assert.deepEqual([telemetry.isTelemetryEnabled(), states], [true, ["on"]]);
});

test("a yes that another script says is asked of the site", async () => {
  await telemetry.initTelemetry({ endpoint: "/v1/traces" });
  identity = { telemetry_enabled: false, reason: "off" };
  new BroadcastChannel("privacy").postMessage({ wanted: true, enabled: true, message: "" });
  while (telemetry.isTelemetryEnabled()) await new Promise((resolve) => setImmediate(resolve));
});

test("another tab's withdrawal stops this one at once", async () => {
  await telemetry.initTelemetry({ endpoint: "/v1/traces" });
  const other = new BroadcastChannel("privacy");
  other.postMessage({ wanted: false, enabled: false, message: "" });
  while (telemetry.isTelemetryEnabled()) await new Promise((resolve) => setImmediate(resolve));
  other.close();
  await pass(100_000);
  assert.deepEqual(requests, []);
});

test("closing the tab ends the session and sends what is left", async () => {
  await telemetry.initTelemetry({ endpoint: "/v1/traces" });
  page.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: false }));
  assert.equal(requests[0]!.keepalive, true);
  assert.deepEqual(
    spans().map((span) => attributes(span)["event.type"] ?? attributes(span)["feature.name"]),
    ["page_view", "session_end"],
  );
  assert.equal(attributes(spans()[1])["metadata.duration_s"], 0);
});

test("a tab's end counts from its first page of the session, however often it was reloaded", async () => {
  storage.set("rhesis-telemetry", JSON.stringify({ page: "mark", beganMs: Date.now() - 90_000, bodies: [] }));
  await telemetry.initTelemetry({ endpoint: "/v1/traces" });
  page.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: false }));
  assert.ok(Number(attributes(spans()[1])["metadata.duration_s"]) >= 90);
});

test("a page that is left for another is no end of a session", async () => {
  await telemetry.initTelemetry({ endpoint: "/v1/traces" });
  const { navigation } = globalThis as unknown as { navigation: EventTarget };
  navigation.dispatchEvent(Object.assign(new Event("navigate"), { destination: { sameDocument: false } }));
  page.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: false }));
  assert.equal(spans().length, 1);
});

test("a path that changes without a load is a view, the same path is not", async () => {
  await telemetry.initTelemetry({ endpoint: "/v1/traces" });
  const { navigation } = globalThis as unknown as { navigation: EventTarget };
  for (const href of ["/projects", "/projects?tab=2", "/projects/7"]) {
    Object.assign(globalThis, { location: new URL(href, "https://site.example") });
    navigation.dispatchEvent(new Event("currententrychange"));
  }
  await pass(1000);
  assert.deepEqual(
    spans().map((span) => attributes(span)["metadata.route"]),
    ["/tests/:id", "/projects", "/projects/:id"],
  );
});

test("what another session left in the tab is not sent", async () => {
  storage.set("rhesis-telemetry", JSON.stringify({ page: "another mark", beganMs: 1, bodies: ['{"resourceSpans":[]}'] }));
  await telemetry.initTelemetry({ endpoint: "/v1/traces" });
  await pass(1000);
  assert.deepEqual([requests.length, spans().length], [1, 1]);
});

for (const [endpoint, url] of [
  ["/v1/traces", "https://site.example/v1/traces"],
  ["/telemetry/v1/traces", "https://site.example/telemetry/v1/traces"],
  ["https://collector.example", "https://collector.example/v1/traces"],
  ["https://collector.example/", "https://collector.example/v1/traces"],
  ["https://collector.example:4318/otlp", "https://collector.example:4318/otlp/v1/traces"],
  ["https://collector.example/v1/traces", "https://collector.example/v1/traces"],
]) {
  test(`spans for ${endpoint} go to ${url}`, async () => {
    identity = { ...identity, identity: PSEUDONYMS };
    await telemetry.initTelemetry({ endpoint });
    await pass(1000);
    assert.equal(requests[0]!.url, url);
  });
}

test("two calls at once begin once, and both say so", async () => {
  const options = { endpoint: "/v1/traces" };
  assert.deepEqual(await Promise.all([telemetry.initTelemetry(options), telemetry.initTelemetry(options)]), [true, true]);
  await pass(1000);
  assert.equal(spans().length, 1);
});

test("an endpoint that is no address hurts nobody", async () => {
  assert.equal(await telemetry.initTelemetry({ endpoint: "https://" }), false);
});

/** What this site's own pages say of themselves, as of a moment `ago` by this computer's clock. */
const said = (agoMs: number) => ({ telemetry_enabled: true, now_ms: Date.now() - agoMs, page: "mark" });

/** How far behind this computer's clock the first view is dated, in minutes. */
function minutesBehind(): number {
  return Math.round((Date.now() - Number(spans()[0].startTimeUnixNano) / 1e6) / 60_000);
}

/** The addresses asked who it is, from now on. */
function questions(): string[] {
  const asked: string[] = [];
  const answering = globalThis.fetch;
  globalThis.fetch = (url, init) => (String(url).endsWith("/identity") && asked.push(String(url)), answering(url, init));
  return asked;
}

test("a page of this site whose time is this computer's is believed", async () => {
  const asked = questions();
  await telemetry.initTelemetry({ endpoint: "/v1/traces", identity: said(0) });
  await pass(1000);
  assert.deepEqual([asked, spans().length, minutesBehind()], [[], 1, 0]);
});

for (const minutes of [-1500, -20, 20]) {
  test(`by a clock ${minutes} minutes ahead of the site's, what happens is dated by the site's`, async () => {
    identity = { ...identity, now_ms: Date.now() - minutes * 60_000 };
    await telemetry.initTelemetry({ endpoint: "/v1/traces", identity: said(minutes * 60_000) });
    await pass(1000);
    assert.equal(minutesBehind(), minutes);
  });
}

test("an old page, out of a cache, is no clock that is off", async () => {
  await telemetry.initTelemetry({ endpoint: "/v1/traces", identity: said(3_600_000) });
  await pass(1000);
  assert.equal(minutesBehind(), 0);
});

test("an old page whose person has withdrawn since begins nothing", async () => {
  identity = { telemetry_enabled: false, now_ms: Date.now() };
  assert.equal(await telemetry.initTelemetry({ endpoint: "/v1/traces", identity: said(3_600_000) }), false);
  await pass(10_000);
  assert.deepEqual([requests, storage.size], [[], 0]);
});

test("to a collector elsewhere a page of this site is dated by the site's clock as well", async () => {
  const hourMs = 3_600_000;
  identity = {
    ...identity,
    identity: PSEUDONYMS,
    now_ms: Date.now() - hourMs,
    since_ms: Date.now() - hourMs - 1000,
    expires_ms: Date.now() - hourMs + 60_000,
  };
  await telemetry.initTelemetry({ endpoint: "https://telemetry.example", identity: said(hourMs) });
  await pass(1000);
  assert.deepEqual([spans().length, minutesBehind()], [1, 60]);
});

/** Answers of the site that a test gives when it wants to, to requests whose address ends so. */
function held(ending: string): ((answer: Response) => void)[] {
  const waiting: ((answer: Response) => void)[] = [];
  const answering = globalThis.fetch;
  globalThis.fetch = (url, init) =>
    String(url).endsWith(ending) ? new Promise((resolve) => waiting.push(resolve)) : answering(url, init);
  return waiting;
}

test("a late no to what was sent before ends nothing that has begun since", async () => {
  await telemetry.initTelemetry({ endpoint: "/v1/traces" });
  const answers = held("/v1/traces");
  await pass(1000);
  await telemetry.setTelemetryEnabled(false);
  await telemetry.setTelemetryEnabled(true);
  answers[0]!(new Response("{}", { status: 403 }));
  await pass(0);
  assert.equal(telemetry.isTelemetryEnabled(), true);
  await pass(1000);
  assert.equal(answers.length, 2, "what was recorded since is not sent");
});

test("to a collector elsewhere, a late no ends nothing that has begun since either", async () => {
  identity = { ...identity, identity: PSEUDONYMS };
  await telemetry.initTelemetry({ endpoint: "https://telemetry.example" });
  const answers = held("/identity");
  await pass(1000);
  await telemetry.setTelemetryEnabled(false);
  const beginning = telemetry.setTelemetryEnabled(true);
  answers[1]!(Response.json(identity));
  await beginning;
  answers[0]!(Response.json({ telemetry_enabled: false, now_ms: Date.now() }));
  await pass(0);
  assert.equal(telemetry.isTelemetryEnabled(), true);
});

test("a yes that was asked for before switching off begins nothing", async () => {
  const answers = held("/identity");
  const beginning = telemetry.initTelemetry({ endpoint: "/v1/traces" });
  await telemetry.setTelemetryEnabled(false);
  answers[0]!(Response.json(identity));
  assert.equal(await beginning, false);
  await pass(10_000);
  assert.deepEqual([requests, storage.size], [[], 0]);
});

const NO = () => Response.json({ telemetry_enabled: false, reason: "off" });
const YES = () => Response.json(identity);

for (const [what, earlier, later, is] of [
  ["yes", NO, YES, true],
  ["no", YES, NO, false],
] as const) {
  test(`of two questions at once the later one's ${what} counts, in whichever order the answers come`, async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const answers = held("/identity");
      const questions = [telemetry.initTelemetry({ endpoint: "/v1/traces" }), telemetry.setTelemetryEnabled(true)];
      for (const number of order) {
        answers[number]!([earlier, later][number]!());
        await pass(0);
      }
      assert.deepEqual(await Promise.all(questions), [is, is]);
      assert.equal(telemetry.isTelemetryEnabled(), is);
    }
  });
}

test("of many questions at once, each resolves to the answer of the last", async () => {
  const answers = held("/identity");
  const questions = [1, 2, 3, 4].map(() => telemetry.initTelemetry({ endpoint: "/v1/traces" }));
  for (const number of [1, 3, 0, 2]) answers[number]!(number === 3 ? YES() : NO());
  assert.deepEqual(await Promise.all(questions), [true, true, true, true]);
});

test("called again after signing in, it does not take the answer to a question from before", async () => {
  const answers = held("/identity");
  const before = telemetry.initTelemetry({ endpoint: "/v1/traces" });
  const after = telemetry.initTelemetry({ endpoint: "/v1/traces" });
  answers[0]!(Response.json({ telemetry_enabled: false, reason: "signed_out" }));
  await pass(0);
  answers[1]!(YES());
  assert.deepEqual(await Promise.all([before, after]), [true, true]);
});

test("switching off ends every question under way", async () => {
  const answers = held("/identity");
  const questions = [1, 2].map(() => telemetry.initTelemetry({ endpoint: "/v1/traces" }));
  await telemetry.setTelemetryEnabled(false);
  for (const number of [1, 0]) answers[number]!(YES());
  assert.deepEqual(await Promise.all(questions), [false, false]);
});

test("a site that does not answer who it is holds up sending only for a while", async () => {
  const signals: (AbortSignal | null | undefined)[] = [];
  const answering = globalThis.fetch;
  globalThis.fetch = (url, init) => (signals.push(init?.signal), answering(url, init));
  await telemetry.initTelemetry({ endpoint: "/v1/traces" });
  assert.ok(signals[0], "the question who it is would wait for ever");
});

function show(state: { prerendering?: boolean; visibilityState: string }, event: string): void {
  Object.assign(document, state);
  document.dispatchEvent(new Event(event));
}

function views(): unknown[] {
  return spans().map((span) => attributes(span)["metadata.route"]);
}

test("a tab that was opened behind is a view when it is looked at, and of what is seen then", async () => {
  Object.assign(document, { visibilityState: "hidden" });
  await telemetry.initTelemetry({ endpoint: "/v1/traces" });
  telemetry.trackPageView("/dashboard");
  await pass(10_000);
  assert.deepEqual(views(), []);
  show({ visibilityState: "visible" }, "visibilitychange");
  await pass(10_000);
  assert.deepEqual(views(), ["/dashboard"]);
  show({ visibilityState: "hidden" }, "visibilitychange");
  show({ visibilityState: "visible" }, "visibilitychange");
  await pass(10_000);
  assert.deepEqual(views(), ["/dashboard"]);
});

test("a page that is made ahead begins when it is looked at, and never if it is not", async () => {
  Object.assign(document, { prerendering: true, visibilityState: "hidden" });
  const begun = telemetry.initTelemetry({ endpoint: "/v1/traces" });
  await pass(10_000);
  assert.equal(telemetry.isTelemetryEnabled(), false);
  assert.equal(storage.size, 0);
  show({ prerendering: false, visibilityState: "visible" }, "prerenderingchange");
  assert.equal(await begun, true);
  await pass(10_000);
  assert.deepEqual(views(), ["/tests/:id"]);
});

/** Begin, noting each state. */
async function begun(options: object = {}): Promise<string[]> {
  const states: string[] = [];
  await telemetry.initTelemetry({ endpoint: "/v1/traces", onState: (state) => void states.push(state), ...options });
  return states;
}

/** Put `answer` in place of what answers requests whose address ends so; a null means that none comes. */
function answering(ending: string, answer: (() => Response) | null): string[] {
  const asked: string[] = [];
  const before = globalThis.fetch;
  globalThis.fetch = async (url, init) => {
    if (!String(url).endsWith(ending)) return before(url, init);
    asked.push(String(url));
    if (!answer) throw new TypeError("Failed to fetch");
    return answer();
  };
  return asked;
}

function online(is: boolean): void {
  Object.defineProperty(globalThis, "navigator", { value: { onLine: is }, configurable: true, writable: true });
}

test("opened signed out and called again after signing in, it begins", async () => {
  const [yes] = [identity];
  identity = { telemetry_enabled: false, now_ms: Date.now(), reason: "signed_out" };
  const states = await begun();
  assert.deepEqual([telemetry.isTelemetryEnabled(), states], [false, ["signed_out"]]);
  identity = yes;
  assert.equal(await telemetry.initTelemetry({ endpoint: "/v1/traces" }), true);
  await pass(1000);
  assert.deepEqual([spans().length, states], [1, ["signed_out", "on"]]);
});

test("after another person has signed in, nothing of the first goes as theirs", async () => {
  await begun({ autoPageViews: false });
  telemetry.trackEvent("button_click", { button_id: "create_test" });
  identity = { ...identity, page: "the second's" };
  await telemetry.initTelemetry({ endpoint: "/v1/traces" });
  telemetry.trackEvent("button_click", { button_id: "run_tests" });
  await pass(1000);
  assert.deepEqual(
    requests.map((request) => request.page),
    ["the second's"],
  );
  assert.deepEqual(
    spans().map((span) => attributes(span)["metadata.button_id"]),
    ["run_tests"],
  );
});

test("to a collector elsewhere, nothing of the first goes under the second's pseudonyms", async () => {
  identity = { ...identity, identity: PSEUDONYMS };
  await begun({ endpoint: "https://telemetry.example", autoPageViews: false });
  telemetry.trackEvent("button_click", { button_id: "create_test" });
  // Signed in as somebody else, and nobody has told this page.
  identity = { ...identity, page: "the second's", identity: { ...PSEUDONYMS, "user.id": "2".repeat(36) } };
  await pass(1000);
  telemetry.trackEvent("button_click", { button_id: "run_tests" });
  await pass(1000);
  assert.deepEqual(
    spans().map((span) => [attributes(span)["metadata.button_id"], attributes(span)["user.id"]]),
    [["run_tests", "2".repeat(36)]],
  );
});

for (const endpoint of ["", undefined, "https://"])
  test(`the state for the endpoint ${endpoint} is not_set_up`, async () => {
    assert.deepEqual([await begun({ endpoint }), requests], [["not_set_up"], []]);
  });

for (const [what, answer, state] of [
  ["who is signed out", () => Response.json({ telemetry_enabled: false, now_ms: 1, reason: "signed_out" }), "signed_out"],
  ["who does not share", () => Response.json({ telemetry_enabled: false, now_ms: 1, reason: "off" }), "off"],
  ["a site without browser telemetry", () => Response.json({ telemetry_enabled: false, now_ms: 1, reason: "not_set_up" }), "not_set_up"],
  ["an app that answers with its own page", () => new Response("<!doctype html>"), "not_set_up"],
  ["a site that cannot read consent now", () => new Response("{}", { status: 503 }), "unavailable"],
  ["somebody who refuses the question", () => new Response("", { status: 403 }), "refused"],
  ["a question that is blocked", null, "blocked"],
] as const) {
  test(`the state for ${what} is ${state}, and nothing is recorded`, async () => {
    answering("/identity", answer);
    const states = await begun();
    assert.deepEqual(states, [state]);
    assert.equal(telemetry.isTelemetryEnabled(), false);
  });
}

test("a withdrawal, a refusal and a wait are told apart", async () => {
  const states = await begun();
  await pass(1000);
  answering("/traces", () => new Response("{}", { status: 503 }));
  telemetry.trackPageView("/dashboard");
  await pass(1000);
  assert.deepEqual(states, ["on", "unavailable"]);
  answering("/traces", () => new Response("{}", { status: 403 }));
  await pass(2000);
  assert.deepEqual([states, telemetry.isTelemetryEnabled()], [["on", "unavailable", "refused"], false]);
  identity = { telemetry_enabled: false, now_ms: Date.now(), reason: "off" };
  await telemetry.initTelemetry({ endpoint: "/v1/traces" });
  assert.equal(states.at(-1), "off");
});

test("a transport that gives no answer is given up after four tries, until it is asked for again", async () => {
  const asked = answering("/traces", null);
  const states = await begun();
  for (let minute = 0; minute < 10; minute++) {
    telemetry.trackPageView("/dashboard");
    await pass(60_000);
    document.dispatchEvent(new Event("visibilitychange"));
  }
  assert.deepEqual([asked.length, states, telemetry.isTelemetryEnabled()], [4, ["on", "blocked"], false]);
  globalThis.fetch = originals.fetch;
  answering("/traces", () => new Response("{}"));
  answering("/identity", () => Response.json(identity));
  assert.equal(await telemetry.initTelemetry({ endpoint: "/v1/traces" }), true);
});

test("offline, it tries once, waits for the network, and then sends what was recorded", async () => {
  online(true);
  const states = await begun();
  await pass(1000);
  const before = globalThis.fetch;
  const asked = answering("/traces", null);
  online(false);
  for (let minute = 0; minute < 10; minute++) {
    telemetry.trackPageView("/dashboard");
    await pass(60_000);
  }
  assert.deepEqual([asked.length, states], [1, ["on", "offline"]]);
  globalThis.fetch = before;
  online(true);
  page.dispatchEvent(new Event("online"));
  await pass(0);
  assert.deepEqual([spans().length, states], [11, ["on", "offline", "on"]]);
});

test("opened offline, it begins when the network is back", async () => {
  const before = globalThis.fetch;
  answering("/identity", null);
  online(false);
  assert.deepEqual(await begun(), ["offline"]);
  globalThis.fetch = before;
  online(true);
  page.dispatchEvent(new Event("online"));
  await pass(0);
  assert.equal(telemetry.isTelemetryEnabled(), true);
});

test("a site that is slow to take spans is waited for, and not given up", async () => {
  let tries = 0;
  const states = await begun();
  globalThis.fetch = async () => {
    tries++;
    throw new DOMException("The operation timed out.", "TimeoutError");
  };
  for (let minute = 0; minute < 20; minute++) await pass(100_000);
  assert.ok(tries > 4);
  assert.deepEqual([telemetry.isTelemetryEnabled(), states.at(-1)], [true, "unavailable"]);
});

test("the states are written to the console for who debugs, and for nobody else", async () => {
  const written = mock.method(console, "debug", () => {});
  await begun();
  assert.equal(written.mock.callCount(), 0);
  await telemetry.setTelemetryEnabled(false);
  delete (globalThis as Record<symbol, unknown>)[Symbol.for("rhesis.telemetry.2")];
  const anew = (await import(new URL(`telemetry.bundle.mjs?${Math.random()}`, import.meta.url).href)) as typeof telemetry;
  await anew.initTelemetry({ endpoint: "/v1/traces", debug: true });
  await anew.setTelemetryEnabled(false);
  assert.deepEqual(
    written.mock.calls.map((call) => call.arguments[0]),
    ["[telemetry] on", "[telemetry] off"],
  );
  written.mock.restore();
});

test("an app's own mistake in onState ends nothing", async () => {
  await begun({
    onState: () => {
      throw new Error("the app's");
    },
  });
  assert.equal(telemetry.isTelemetryEnabled(), true);
});

test("a choice made where no channel reaches is heard when the tab is looked at again", async () => {
  await begun();
  identity = { telemetry_enabled: false, now_ms: Date.now(), reason: "off" };
  document.dispatchEvent(new Event("visibilitychange"));
  await pass(0);
  assert.equal(telemetry.isTelemetryEnabled(), false);
});

test("the site's cookie for a choice is heard in a tab of another origin", async () => {
  const cookieStore = new EventTarget();
  Object.assign(globalThis, { cookieStore });
  const states = await begun();
  identity = { telemetry_enabled: false, now_ms: Date.now(), reason: "off" };
  cookieStore.dispatchEvent(Object.assign(new Event("change"), { changed: [{ name: "another" }] }));
  await pass(0);
  assert.equal(telemetry.isTelemetryEnabled(), true);
  cookieStore.dispatchEvent(Object.assign(new Event("change"), { changed: [{ name: "privacy_choice" }] }));
  await pass(0);
  assert.deepEqual(states, ["on", "off"]);
  Object.assign(globalThis, { cookieStore: undefined });
});

test("without the Navigation API a path that an app changes is a view too, and its calls are its own afterwards", async () => {
  Object.assign(globalThis, { navigation: undefined });
  const shows = (_state: unknown, _title: string, href: string) =>
    void Object.assign(globalThis, { location: new URL(href, "https://site.example") });
  Object.assign(history, { pushState: shows, replaceState: shows });
  await begun();
  for (const href of ["/projects", "/projects?tab=2", "/projects/7"]) history.pushState({}, "", href);
  history.replaceState({}, "", "/tasks");
  await pass(1000);
  const routes = () => spans().map((span) => attributes(span)["metadata.route"]);
  assert.deepEqual(routes(), ["/tests/:id", "/projects", "/projects/:id", "/tasks"]);
  await telemetry.setTelemetryEnabled(false);
  assert.deepEqual([history.pushState, history.replaceState], [shows, shows]);
});

test("two copies of the package on a page count a view once, and what either is told goes out once", async () => {
  const another = (await import(new URL(`telemetry.bundle.mjs?${Math.random()}`, import.meta.url).href)) as typeof telemetry;
  assert.notEqual(another.trackEvent, telemetry.trackEvent);
  await Promise.all([begun(), another.initTelemetry({ endpoint: "/v1/traces" })]);
  telemetry.trackEvent("button_click", { button_id: "create_test" });
  another.trackEvent("button_click", { button_id: "run_tests" });
  page.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: false }));
  const names = spans().map((span) => attributes(span)["metadata.button_id"] ?? attributes(span)["metadata.route"]);
  assert.deepEqual(names, ["/tests/:id", "create_test", "run_tests", undefined], "the last is the end of the session");
  await another.setTelemetryEnabled(false);
  assert.equal(telemetry.isTelemetryEnabled(), false);
});

test("a frame in a page of the same origin counts no views, ends no session and leaves nothing in the tab", async () => {
  Object.assign(globalThis, { parent: { location: new URL("https://site.example/") } });
  storage.set("rhesis-telemetry", "what the page around it left");
  await begun();
  telemetry.trackPageView("/dashboard");
  telemetry.trackEvent("button_click", { button_id: "run_tests" });
  page.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: false }));
  await telemetry.setTelemetryEnabled(false);
  assert.deepEqual(
    spans().map((span) => attributes(span)["metadata.button_id"]),
    ["run_tests"],
  );
  assert.equal(storage.get("rhesis-telemetry"), "what the page around it left");
});

test("an app in a frame of another origin counts its views", async () => {
  const parent = Object.defineProperty({}, "location", { get: () => assert.fail("another origin's") });
  Object.assign(globalThis, { parent });
  await begun();
  await pass(1000);
  assert.equal(spans().length, 1);
});
