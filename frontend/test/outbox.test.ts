import assert from "node:assert/strict";
import { mock, test, beforeEach, afterEach } from "node:test";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { LARGEST_BODY, Outbox, type SendResult, type Transport } from "../src/outbox.js";

/** Spans are their names here, a body is the names with commas, so that what was sent can be read. */
class TestTransport implements Transport {
  on = true;
  answers: (SendResult | Error)[] = [];
  sent: string[] = [];
  closing: string[] = [];
  kept: string[] = [];
  offs = 0;
  allowed = () => this.on;
  body = (spans: readonly ReadableSpan[]): string | null => spans.map((span) => span.name).join(",");
  async send(body: string, closing: boolean): Promise<SendResult> {
    (closing ? this.closing : this.sent).push(body);
    const answer = this.answers.shift() ?? "done";
    if (answer instanceof Error) throw answer;
    return answer;
  }
  store = (bodies: readonly string[]) => void (this.kept = [...bodies]);
  onOff = () => void this.offs++;
  states: string[] = [];
  report = (state: string) => void this.states.push(state);
}

const span = (name: string) => ({ name }) as ReadableSpan;
let transport: TestTransport;
let outbox: Outbox;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  transport = new TestTransport();
  outbox = new Outbox(transport);
});
afterEach(() => mock.timers.reset());

/** Let time pass, and what waits for promises happen. */
async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms);
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

test("what is recorded goes out together after a moment", async () => {
  outbox.onEnd(span("a"));
  outbox.onEnd(span("b"));
  assert.deepEqual(transport.sent, []);
  await pass(1000);
  assert.deepEqual(transport.sent, ["a,b"]);
  await pass(100_000);
  assert.deepEqual(transport.sent, ["a,b"]);
});

test("many go in several requests, none twice", async () => {
  for (let number = 0; number < 150; number++) outbox.onEnd(span(String(number)));
  await pass(1000);
  assert.deepEqual(
    transport.sent.flatMap((body) => body.split(",")),
    Array.from({ length: 150 }, (_, number) => String(number)),
  );
  assert.equal(transport.sent.length, 3);
});

test("a body that is too large is split until it fits", async () => {
  const large = "x".repeat(LARGEST_BODY / 3);
  for (let number = 0; number < 8; number++) outbox.onEnd(span(large));
  await pass(1000);
  assert.equal(transport.sent.flatMap((body) => body.split(",")).length, 8);
  assert.ok(transport.sent.every((body) => body.length <= LARGEST_BODY));
});

test("a body the server finds too large is split, and a single span too large is dropped", async () => {
  transport.answers = ["split", "done", "split", "done"];
  for (const name of ["a", "b", "c"]) outbox.onEnd(span(name));
  await pass(1000);
  assert.deepEqual(transport.sent, ["a,b,c", "a,b", "c"]);
  outbox.onEnd(span("d"));
  await pass(1000);
  assert.deepEqual(transport.sent.slice(3), ["d"]);
});

test("what was refused for now goes later, each once, and waits longer each time", async () => {
  transport.answers = [{ laterInMs: 0 }, new Error("the network is away"), { laterInMs: 20_000 }];
  outbox.onEnd(span("a"));
  await pass(1000);
  assert.equal(transport.sent.length, 1);
  await pass(999);
  assert.equal(transport.sent.length, 1, "not before the first wait is over");
  await pass(501);
  assert.equal(transport.sent.length, 2);
  await pass(1999);
  assert.equal(transport.sent.length, 2, "the second wait is longer");
  await pass(1001);
  assert.equal(transport.sent.length, 3);
  await pass(19_999);
  assert.equal(transport.sent.length, 3, "Retry-After is honoured");
  outbox.onEnd(span("b"));
  await pass(10_001);
  assert.deepEqual(transport.sent.slice(3), ["a,b"]);
  await pass(1_000_000);
  assert.equal(transport.sent.length, 4);
});

test("what will never do is dropped and holds nothing up", async () => {
  transport.answers = ["never"];
  outbox.onEnd(span("a"));
  await pass(1000);
  outbox.onEnd(span("b"));
  await pass(1000);
  assert.deepEqual(transport.sent, ["a", "b"]);
});

test("no consent at the moment of sending throws everything away", async () => {
  outbox.onEnd(span("a"));
  transport.on = false;
  await pass(1000);
  assert.deepEqual([transport.sent, transport.offs], [[], 1]);
  transport.on = true;
  await pass(100_000);
  assert.deepEqual(transport.sent, []);
});

test("an answer that consent is gone throws everything away, what is kept included", async () => {
  transport.answers = ["off"];
  transport.kept = ["old"];
  for (let number = 0; number < 100; number++) outbox.onEnd(span("a"));
  await pass(1000);
  assert.deepEqual([transport.sent.length, transport.offs, transport.kept], [1, 1, []]);
  await pass(100_000);
  assert.equal(transport.sent.length, 1);
});

test("consent withdrawn while a body is made sends nothing", async () => {
  transport.body = () => {
    transport.on = false;
    return "a";
  };
  outbox.onEnd(span("a"));
  await pass(1000);
  assert.deepEqual(transport.sent, []);
});

test("cleared while a request is under way, nothing comes back", async () => {
  let answer!: (result: SendResult) => void;
  transport.send = (body) => {
    transport.sent.push(body);
    return new Promise((resolve) => (answer = resolve));
  };
  outbox.onEnd(span("a"));
  await pass(1000);
  outbox.clear();
  outbox.onEnd(span("b"));
  answer("done");
  await pass(100_000);
  assert.deepEqual(transport.sent, ["a", "b"]);
});

test("a closing page hands over what it has once, however often it is left, and keeps nothing", async () => {
  outbox.onEnd(span("a"));
  outbox.close(); // pagehide
  outbox.close(); // and then visibilitychange
  assert.deepEqual([transport.closing, transport.kept], [["a"], []]);
  outbox.onEnd(span("b"));
  outbox.close();
  await pass(100_000);
  assert.deepEqual([transport.closing, transport.sent], [["a", "b"], []], "a page that stays sends it again");
});

test("what is under way when the page is left is not handed over as well", async () => {
  let answer!: (result: SendResult) => void;
  const send = transport.send.bind(transport);
  transport.send = (body, closing) => {
    void send(body, closing);
    return closing ? Promise.resolve("done") : new Promise((resolve) => (answer = resolve));
  };
  outbox.onEnd(span("a"));
  await pass(1000);
  outbox.onEnd(span("b"));
  outbox.close();
  answer("done");
  await pass(100_000);
  assert.deepEqual([transport.sent, transport.closing, transport.kept], [["a"], ["b"], []]);
});

test("what was handed over while its body was made is not sent by the page that stays", async () => {
  let made!: (body: string) => void;
  transport.body = ((spans: readonly ReadableSpan[], closing: boolean) =>
    closing ? spans.map(({ name }) => name).join(",") : new Promise<string>((resolve) => (made = resolve))) as never;
  outbox.onEnd(span("a"));
  await pass(1000);
  outbox.close();
  made("a");
  await pass(100_000);
  assert.deepEqual([transport.sent, transport.closing], [[], ["a"]]);
});

test("a page that stays sends again what it handed over in vain", async () => {
  transport.answers = [{ laterInMs: 0 }, new Error("the network is away"), "done"];
  outbox.onEnd(span("a"));
  outbox.close();
  await pass(0);
  await pass(1000);
  assert.deepEqual([transport.closing, transport.sent], [["a"], ["a"]]);
  await pass(100_000);
  assert.deepEqual([transport.closing, transport.sent], [["a"], ["a", "a"]]);
});

test("cleared while it is handed over, nothing comes back", async () => {
  transport.answers = [{ laterInMs: 0 }];
  outbox.onEnd(span("a"));
  outbox.close();
  outbox.clear();
  await pass(100_000);
  assert.deepEqual([transport.closing, transport.sent], [["a"], []]);
});

test("an answer to a closing page that consent is gone throws everything away", async () => {
  transport.answers = ["off"];
  outbox.onEnd(span("a"));
  outbox.close();
  outbox.onEnd(span("b"));
  await pass(100_000);
  assert.deepEqual([transport.offs, transport.sent], [1, []]);
});

test("while nothing arrives, a closing page also keeps what it hands over for the tab's next page", async () => {
  transport.answers = [{ laterInMs: 0 }];
  outbox.onEnd(span("a"));
  await pass(1000);
  outbox.close();
  outbox.close();
  assert.deepEqual([transport.closing, transport.kept], [["a"], ["a"]]);
});

test("a closing page without consent sends nothing and keeps nothing", async () => {
  outbox.onEnd(span("a"));
  transport.kept = ["old"];
  transport.on = false;
  outbox.close();
  await pass(100_000);
  assert.deepEqual([transport.closing, transport.sent, transport.kept], [[], [], []]);
});

test("a closing page sends no more at once than browsers let it, and keeps the rest", async () => {
  const large = "x".repeat(LARGEST_BODY / 2 + 1);
  outbox = new Outbox(transport, [large, large]);
  outbox.close();
  assert.deepEqual([transport.closing.length, transport.kept.length], [1, 2]);
});

test("what an earlier page kept goes first, and is forgotten when it is acknowledged", async () => {
  transport.kept = ["old"];
  outbox = new Outbox(transport, ["old"]);
  outbox.onEnd(span("a"));
  await pass(1000);
  assert.deepEqual([transport.sent, transport.kept], [["old", "a"], []]);
});

test("what could not be made now is tried again", async () => {
  const bodies = [null, "a"];
  transport.body = () => bodies.shift() ?? null;
  outbox.onEnd(span("a"));
  await pass(1000);
  await pass(2000);
  assert.deepEqual(transport.sent, ["a"]);
});

test("a page that records without end fills a bounded queue", async () => {
  for (let number = 0; number < 5000; number++) outbox.onEnd(span("a"));
  await pass(1000);
  assert.equal(transport.sent.flatMap((body) => body.split(",")).length, 256);
});

test("shutdown sends nothing", async () => {
  outbox.onEnd(span("a"));
  await outbox.shutdown();
  await pass(100_000);
  assert.deepEqual(transport.sent, []);
});
