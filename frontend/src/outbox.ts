// Queue of recorded spans, which stay in it until they are acknowledged, rejected for good, or dropped with consent.
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";
import { isOffline } from "./state.js";

/** "done": accepted. "split": too large. "never": rejected for good. "off": no consent. An object: retry after that time. */
export type SendResult = "done" | "split" | "never" | "off" | { laterInMs: number };

export interface Transport {
  /** Whether anything may be queued or sent; called before each send. */
  allowed(): boolean;
  /** Request body with these spans; null if it cannot be built now. */
  body(spans: readonly ReadableSpan[], closing: boolean): Promise<string | null> | string | null;
  /** Send a body; `closing` if the page may be gone before the answer. Rejects if there is no answer. */
  send(body: string, closing: boolean): Promise<SendResult>;
  /** Store these bodies for the tab's next page; an empty list deletes stored ones. */
  store(bodies: readonly string[]): void;
  /** Called when a request was rejected: consent is gone, or the page belongs to another session. */
  onOff(): void;
  /** Called with the state of sending: "blocked" once when it stops, the others each time. */
  report(state: "on" | "unavailable" | "offline" | "blocked"): void;
}

/** A body of an earlier page, or a span. */
type Item = string | ReadableSpan;

export const LARGEST_BODY = 60_000; // browsers allow a closing page 64 KiB in total
const CAPACITY = 256; // spans; further ones are dropped
const BATCH = 64;
const DELAY_MS = 1000;
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;
const MOST_SILENCES = 4; // consecutive requests without answer, after which sending counts as blocked

export class Outbox implements SpanProcessor {
  private spans: ReadableSpan[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private sending = false;
  private retryMs = FIRST_RETRY_MS;
  private silences = 0;
  private batch = BATCH;
  /** Whether the last request failed, so that the next one may fail too. */
  private failing: boolean;
  /** The request in progress, sent while the page stays. */
  private going: { body: string; items: readonly Item[] } | null = null;
  /** Requests handed to the browser by a page that may be gone. */
  private handed: { body: string; doubtful: boolean }[] = [];
  private clears = 0;

  /** `backlog`: unsent bodies of an earlier page of this tab. */
  constructor(
    private readonly transport: Transport,
    private backlog: string[] = [],
  ) {
    this.failing = backlog.length > 0;
    if (backlog.length) this.wake(DELAY_MS);
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (!this.transport.allowed() || this.spans.length >= CAPACITY) return;
    this.spans.push(span);
    this.wake(DELAY_MS);
  }

  /** Drop everything. */
  clear(): void {
    this.clears++;
    this.spans = [];
    this.backlog = [];
    clearTimeout(this.timer);
    this.timer = undefined;
    this.transport.store([]);
  }

  /**
   * The page may be gone soon: hand as much as allowed to the browser, and store the rest for the tab's next page. If the
   * browser's request may fail, do both; the next page then sends it again under the same ids.
   */
  close(): void {
    if (!this.transport.allowed()) return this.clear();
    const hopeless = this.silences > 0 && isOffline();
    const doubtful = this.failing || !("keepalive" in Request.prototype);
    const stored = this.handed.filter((parcel) => parcel.doubtful).map(({ body }) => body);
    if (this.going && doubtful) stored.push(this.going.body);
    let left = [...this.handed, ...(this.going ? [this.going] : [])].reduce((rest, { body }) => rest - body.length, LARGEST_BODY);
    for (const [body, items] of this.parcels()) {
      left -= body.length;
      if (left < 0 || doubtful) stored.push(body);
      if (left >= 0 && !hopeless) this.handOver(body, items, doubtful);
    }
    this.transport.store(stored);
  }

  /** Everything queued and not in progress, as bodies. */
  private parcels(): [string, readonly Item[]][] {
    const waits = (item: Item) => !this.going?.items.includes(item);
    const parcels: [string, readonly Item[]][] = this.backlog.filter(waits).map((body) => [body, [body]]);
    for (const chunk of chunks(this.spans.filter(waits), this.batch)) {
      const body = this.transport.body(chunk, true);
      if (typeof body === "string" && body.length <= LARGEST_BODY) parcels.push([body, chunk]);
    }
    return parcels;
  }

  private handOver(body: string, items: readonly Item[], doubtful: boolean): void {
    const clears = this.clears;
    const parcel = { body, doubtful };
    this.remove(items);
    this.handed.push(parcel);
    const settle = (result: SendResult) => {
      this.handed = this.handed.filter((other) => other !== parcel);
      if (clears !== this.clears) return;
      if (result === "off") return void this.off();
      // If this page still exists, it sends again.
      this.failing = typeof result === "object";
      if (!this.failing && result !== "split") return this.clearStoredIfDone();
      this.backlog.push(...items.filter((item) => typeof item === "string"));
      this.spans.unshift(...items.filter((item) => typeof item !== "string"));
      this.wake(DELAY_MS);
    };
    this.transport.send(body, true).then(settle, () => settle({ laterInMs: 0 }));
  }

  /** Delete stored bodies once nothing is left. */
  private clearStoredIfDone(): void {
    if (this.backlog.length + this.spans.length + this.handed.length === 0) this.transport.store([]);
  }

  private waits(item: Item): boolean {
    return typeof item === "string" ? this.backlog.includes(item) : this.spans.includes(item);
  }

  private remove(items: readonly Item[]): void {
    this.backlog = this.backlog.filter((body) => !items.includes(body));
    this.spans = this.spans.filter((span) => !items.includes(span));
  }

  /** Send everything now. Resolves when all is sent or must wait. */
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
    // With an infinite wait, the "online" listener calls this again.
    if (waitMs !== null && waitMs < Infinity) this.wake(waitMs);
  }

  /** The SDK's exporters send their queue on shutdown; this drops it, because consent is not checked here. */
  async shutdown(): Promise<void> {
    this.clear();
  }

  /** Send one request. The milliseconds to wait before the next, or null. */
  private async one(): Promise<number | null> {
    if (!this.transport.allowed()) return this.off();
    if (this.silences && isOffline()) return this.offline();
    const fromBacklog = this.backlog.length > 0;
    const chunk = this.spans.slice(0, this.batch);
    const items: readonly Item[] = fromBacklog ? this.backlog.slice(0, 1) : chunk;
    let result: SendResult;
    try {
      const body = fromBacklog ? this.backlog[0]! : await this.transport.body(chunk, false);
      if (!this.transport.allowed()) return this.off();
      if (!items.every((item) => this.waits(item))) return null; // handed over, or cleared, while the body was made
      if (body === null) result = { laterInMs: 0 };
      else if (body.length > LARGEST_BODY) result = "split";
      else {
        this.going = { body, items };
        result = await this.transport.send(body, false);
      }
      this.silences = 0;
    } catch (error) {
      if (isOffline()) return this.offline();
      if ((error as Error).name !== "TimeoutError" && ++this.silences >= MOST_SILENCES) return this.giveUp();
      result = { laterInMs: 0 };
    } finally {
      this.going = null;
    }
    if (result === "off") return this.off();
    if (result === "split" && !fromBacklog && chunk.length > 1) {
      this.batch = Math.ceil(chunk.length / 2);
      return null;
    }
    this.failing = typeof result === "object";
    if (typeof result === "object") {
      if (!this.silences) this.transport.report("unavailable");
      const wait = Math.max(result.laterInMs, this.retryMs);
      this.retryMs = Math.min(this.retryMs * 2, LONGEST_RETRY_MS);
      // Random, so that many pages do not retry at the same time.
      return wait * (1 + Math.random() / 2);
    }
    this.retryMs = FIRST_RETRY_MS;
    if (result === "done") this.transport.report("on");
    this.remove(items);
    if (this.spans.length === 0) this.batch = BATCH;
    this.clearStoredIfDone();
    return null;
  }

  private offline(): number {
    this.silences ||= 1;
    this.failing = true;
    this.transport.report("offline");
    return Infinity;
  }

  private giveUp(): null {
    this.clear();
    this.transport.report("blocked");
    return null;
  }

  private off(): null {
    this.clear();
    this.transport.onOff();
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
