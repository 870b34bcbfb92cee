// State shared by all copies of the package on one page.
import type { Tracer } from "@opentelemetry/api";
import type { Declared } from "./declared.js";
import type { Outbox } from "./outbox.js";
import type { TelemetryState } from "./state.js";
import type { TelemetryOptions } from "./telemetry.js";

export type Settings = TelemetryOptions & { url: URL };

export interface Running {
  outbox: Outbox;
  tracer: Tracer;
  unwatch: () => void;
  /** Whether ids may be put in: only on the way to this site. */
  firstParty: boolean;
  /** The browser session it records for, as the site names it. */
  session: string;
}

export interface PageState {
  settings: Settings | null;
  /** An app's own; null for the one in this package. */
  catalogue: Declared | null;
  running: Running | null;
  channel: BroadcastChannel | null;
  /** The last reported state; null before the first. */
  state: TelemetryState | null;
  /** Number of questions to the site and of ends so far. An answer counts only if this has not changed since its question. */
  turn: number;
  /** Result of the latest question; null if telemetry has ended since. */
  latest: Promise<boolean> | null;
  /** The site's clock minus this computer's, in milliseconds. */
  skewMs: number;
}

// The number is of the shape above: copies that differ in it do not share.
const KEY = Symbol.for("rhesis.telemetry.2");

export const page: PageState = ((globalThis as { [KEY]?: PageState })[KEY] ??= {
  settings: null,
  catalogue: null,
  running: null,
  channel: null,
  state: null,
  turn: 0,
  latest: null,
  skewMs: 0,
});

/**
 * Whether this is a frame in a page of the same origin. The two are one page for the person, and share the tab's storage;
 * so such a frame counts no views and leaves nothing in the tab.
 */
export function isInnerFrame(): boolean {
  try {
    const { parent } = window;
    return !!parent && parent !== window && parent.location.origin === location.origin;
  } catch {
    return false; // the page around it is of another origin
  }
}
