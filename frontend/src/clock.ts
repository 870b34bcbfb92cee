// The time by the site's clock: many a computer's is minutes off, and an event from before consent must not look later.
import { page } from "./page.js";

// What is less than this is no more than how clocks and their readings scatter.
const TOLERANCE_MS = 3000;

/** Compare clocks: the site's showed `siteMs` at some moment between `fromMs` and `toMs` of this computer's. */
export function setClock(siteMs: number, fromMs: number, toMs: number): void {
  // However long the answer took, what lies within is no difference.
  const difference = siteMs - Math.min(Math.max(siteMs, fromMs), toMs);
  page.skewMs = Math.abs(difference) > TOLERANCE_MS ? difference : 0;
}

/** Whether this computer's clock shows `siteMs` now, but for how clocks and their readings scatter. */
export function agrees(siteMs: number): boolean {
  return Math.abs(Date.now() - siteMs) <= TOLERANCE_MS;
}

/** Milliseconds since 1970 by the site's clock. */
export function now(): number {
  return Date.now() + page.skewMs;
}
