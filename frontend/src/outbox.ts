// Keeps what was recorded until it is acknowledged, dropped for good reason, or thrown away because consent is gone.
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";
import { isOffline } from "./state.js";

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
  /** It was refused: consent is gone, or the page is another session's. */
  onOff(): void;
  /** How it goes: "blocked" once when it is given up, the others as often as they are found. */
  told(state: "on" | "unavailable" | "offline" | "blocked"): void;
}

/** A body from an earlier page, or a span. */
type Item = string | ReadableSpan;

export const LARGEST_BODY = 60_000; // of the 64 KiB that a closing page may have under way
const CAPACITY = 256; // spans; what comes on top is dropped
const BATCH = 64;
const DELAY_MS = 1000;
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;
const MOST_SILENCES = 4; // without any answer, one after another: then somebody stands in the way, and means it

export class Outbox implements SpanProcessor {
  private spans: ReadableSpan[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private sending = false;
  private retryMs = FIRST_RETRY_MS;
  private silences = 0;
  private batch = BATCH;
  /** The last answer was no, or there was none: what is sent now may well not arrive. */
  private failing: boolean;
  /** On its way from a page that stays, in one request. */
  private going: { body: string; items: readonly Item[] } | null = null;
  /** On their way from a page that may be gone. */
  private handed: { body: string; doubtful: boolean }[] = [];
  private clears = 0;

  /** `backlog`: bodies that an earlier page of this tab could not send. */
  constructor(
    private readonly road: Road,
    private backlog: string[] = [],
  ) {
    this.failing = backlog.length > 0;
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
    this.clears++;
    this.spans = [];
    this.backlog = [];
    clearTimeout(this.timer);
    this.timer = undefined;
    this.road.keep([]);
  }

  /**
   * The page may be gone in a moment: hand over to the browser what it takes, and keep the rest for the tab's next page.
   * Both where it is doubtful that the browser's request arrives: the next page then sends it again, under the same ids.
   */
  close(): void {
    if (!this.road.allowed()) return this.clear();
    const hopeless = this.silences > 0 && isOffline();
    const doubtful = this.failing || !("keepalive" in Request.prototype);
    const kept = this.handed.filter((parcel) => parcel.doubtful).map(({ body }) => body);
    if (this.going && doubtful) kept.push(this.going.body);
    let room = [...this.handed, ...(this.going ? [this.going] : [])].reduce((left, { body }) => left - body.length, LARGEST_BODY);
    for (const [body, items] of this.parcels()) {
      room -= body.length;
      if (room < 0 || doubtful) kept.push(body);
      if (room >= 0 && !hopeless) this.handOver(body, items, doubtful);
    }
    this.road.keep(kept);
  }

  /** Everything that waits and is not on its way, as bodies. */
  private parcels(): [string, readonly Item[]][] {
    const waits = (item: Item) => !this.going?.items.includes(item);
    const parcels: [string, readonly Item[]][] = this.backlog.filter(waits).map((body) => [body, [body]]);
    for (const chunk of chunks(this.spans.filter(waits), this.batch)) {
      const body = this.road.body(chunk, true);
      if (typeof body === "string" && body.length <= LARGEST_BODY) parcels.push([body, chunk]);
    }
    return parcels;
  }

  private handOver(body: string, items: readonly Item[], doubtful: boolean): void {
    const clears = this.clears;
    const parcel = { body, doubtful };
    this.remove(items);
    this.handed.push(parcel);
    const heard = (verdict: Verdict) => {
      this.handed = this.handed.filter((other) => other !== parcel);
      if (clears !== this.clears) return;
      if (verdict === "off") return void this.off();
      // A page that is still there to hear it sends again.
      this.failing = typeof verdict === "object";
      if (!this.failing && verdict !== "split") return this.forgetKept();
      this.backlog.push(...items.filter((item) => typeof item === "string"));
      this.spans.unshift(...items.filter((item) => typeof item !== "string"));
      this.wake(DELAY_MS);
    };
    this.road.send(body, true).then(heard, () => heard({ laterInMs: 0 }));
  }

  /** Once nothing is left, nothing need be kept for the tab's next page. */
  private forgetKept(): void {
    if (this.backlog.length + this.spans.length + this.handed.length === 0) this.road.keep([]);
  }

  private waits(item: Item): boolean {
    return typeof item === "string" ? this.backlog.includes(item) : this.spans.includes(item);
  }

  private remove(items: readonly Item[]): void {
    this.backlog = this.backlog.filter((body) => !items.includes(body));
    this.spans = this.spans.filter((span) => !items.includes(span));
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
    // Without an end to wait for, whoever hears that the browser is online calls again.
    if (waitMs !== null && waitMs < Infinity) this.wake(waitMs);
  }

  /** The SDK's own exporters send their queue here; consent is not asked for by whoever shuts down, so this does not. */
  async shutdown(): Promise<void> {
    this.clear();
  }

  /** Send one request. The milliseconds to wait before the next, or null. */
  private async one(): Promise<number | null> {
    if (!this.road.allowed()) return this.off();
    if (this.silences && isOffline()) return this.offline();
    const fromBacklog = this.backlog.length > 0;
    const chunk = this.spans.slice(0, this.batch);
    const items: readonly Item[] = fromBacklog ? this.backlog.slice(0, 1) : chunk;
    let verdict: Verdict;
    try {
      const body = fromBacklog ? this.backlog[0]! : await this.road.body(chunk, false);
      if (!this.road.allowed()) return this.off();
      if (!items.every((item) => this.waits(item))) return null; // handed over, or cleared, while the body was made
      if (body === null) verdict = { laterInMs: 0 };
      else if (body.length > LARGEST_BODY) verdict = "split";
      else {
        this.going = { body, items };
        verdict = await this.road.send(body, false);
      }
      this.silences = 0;
    } catch (error) {
      if (isOffline()) return this.offline();
      if ((error as Error).name !== "TimeoutError" && ++this.silences >= MOST_SILENCES) return this.giveUp();
      verdict = { laterInMs: 0 };
    } finally {
      this.going = null;
    }
    if (verdict === "off") return this.off();
    if (verdict === "split" && !fromBacklog && chunk.length > 1) {
      this.batch = Math.ceil(chunk.length / 2);
      return null;
    }
    this.failing = typeof verdict === "object";
    if (typeof verdict === "object") {
      if (!this.silences) this.road.told("unavailable");
      const wait = Math.max(verdict.laterInMs, this.retryMs);
      this.retryMs = Math.min(this.retryMs * 2, LONGEST_RETRY_MS);
      // Many pages waiting for the same collector should not come back at the same moment.
      return wait * (1 + Math.random() / 2);
    }
    this.retryMs = FIRST_RETRY_MS;
    if (verdict === "done") this.road.told("on");
    this.remove(items);
    if (this.spans.length === 0) this.batch = BATCH;
    this.forgetKept();
    return null;
  }

  private offline(): number {
    this.silences ||= 1;
    this.failing = true;
    this.road.told("offline");
    return Infinity;
  }

  private giveUp(): null {
    this.clear();
    this.road.told("blocked");
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
