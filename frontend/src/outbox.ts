// Keeps what was recorded until it is acknowledged, dropped for good reason, or thrown away because consent is gone.
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";

/** "done": dealt with for good. "later": keep it. "split": too large. "never": it will not do. "off": no consent. */
export type Verdict = "done" | "split" | "never" | "off" | { laterInMs: number };

export interface Road {
  /** Whether anything may be kept or sent, read again before each send. */
  allowed(): boolean;
  /** The body of a request with these spans; null if it cannot be made now. */
  body(spans: readonly ReadableSpan[], closing: boolean): Promise<string | null> | string | null;
  /** Send it; `closing` when the page may be gone before an answer comes. Rejects when there was none. */
  send(body: string, closing: boolean): Promise<Verdict>;
  /** Keep these bodies for the tab's next page; an empty list forgets what was kept. */
  keep(bodies: readonly string[]): void;
  /** Consent is gone. */
  onOff(): void;
}

export const LARGEST_BODY = 60_000; // of the 64 KiB that a closing page may have under way
const CAPACITY = 256; // spans; what comes on top is dropped
const BATCH = 64;
const DELAY_MS = 1000;
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;

export class Outbox implements SpanProcessor {
  private spans: ReadableSpan[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private sending = false;
  private retryMs = FIRST_RETRY_MS;
  private batch = BATCH;

  /** `backlog`: bodies that an earlier page of this tab could not send. */
  constructor(
    private readonly road: Road,
    private backlog: string[] = [],
  ) {
    if (backlog.length) this.wake(DELAY_MS);
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (!this.road.allowed() || this.spans.length >= CAPACITY) return;
    this.spans.push(span);
    this.wake(DELAY_MS);
  }

  /** Throw everything away. */
  clear(): void {
    this.spans = [];
    this.backlog = [];
    clearTimeout(this.timer);
    this.timer = undefined;
    this.road.keep([]);
  }

  /** The page may be gone in a moment: send what can be, and keep all of it for the next page, which sends it again. */
  close(): void {
    if (!this.road.allowed()) return this.clear();
    const bodies = [...this.backlog];
    for (const chunk of chunks(this.spans, this.batch)) {
      const body = this.road.body(chunk, true);
      if (typeof body === "string" && body.length <= LARGEST_BODY) bodies.push(body);
    }
    this.road.keep(bodies);
    let room = LARGEST_BODY;
    for (const body of bodies) {
      room -= body.length;
      if (room < 0) break;
      // Whoever is still there when the answer comes sends again, under the same ids.
      this.road.send(body, true).catch(() => {});
    }
  }

  /** Send everything now. Resolves when it is sent or has to wait. */
  async forceFlush(): Promise<void> {
    if (this.sending) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.sending = true;
    let waitMs: number | null = null;
    try {
      while (waitMs === null && this.backlog.length + this.spans.length > 0) waitMs = await this.one();
    } finally {
      this.sending = false;
    }
    if (waitMs !== null) this.wake(waitMs);
  }

  /** The SDK's own exporters send their queue here; consent is not asked for by whoever shuts down, so this does not. */
  async shutdown(): Promise<void> {
    this.clear();
  }

  /** Send one request. The milliseconds to wait before the next, or null. */
  private async one(): Promise<number | null> {
    if (!this.road.allowed()) return this.off();
    const fromBacklog = this.backlog.length > 0;
    const chunk = this.spans.slice(0, this.batch);
    let verdict: Verdict;
    try {
      const body = fromBacklog ? this.backlog[0]! : await this.road.body(chunk, false);
      if (!this.road.allowed()) return this.off();
      if (body === null) verdict = { laterInMs: 0 };
      else if (body.length > LARGEST_BODY) verdict = "split";
      else verdict = await this.road.send(body, false);
    } catch {
      verdict = { laterInMs: 0 }; // no answer: the network is away
    }
    if (verdict === "off") return this.off();
    if (verdict === "split" && !fromBacklog && chunk.length > 1) {
      this.batch = Math.ceil(chunk.length / 2);
      return null;
    }
    if (typeof verdict === "object") {
      const wait = Math.max(verdict.laterInMs, this.retryMs);
      this.retryMs = Math.min(this.retryMs * 2, LONGEST_RETRY_MS);
      // Many pages waiting for the same collector should not come back at the same moment.
      return wait * (1 + Math.random() / 2);
    }
    this.retryMs = FIRST_RETRY_MS;
    if (fromBacklog) this.backlog.shift();
    // What was cleared meanwhile is no longer in front.
    else this.spans = this.spans.filter((span) => !chunk.includes(span));
    if (this.spans.length === 0) this.batch = BATCH;
    if (this.backlog.length + this.spans.length === 0) this.road.keep([]);
    return null;
  }

  private off(): null {
    this.clear();
    this.road.onOff();
    return null;
  }

  private wake(inMs: number): void {
    if (this.sending) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      void this.forceFlush();
    }, inMs);
  }
}

function chunks<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, number) => all.slice(number * size, (number + 1) * size));
}
