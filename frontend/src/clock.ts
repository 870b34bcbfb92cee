// The site's clock: a computer's clock may be wrong, and an event from before consent must not look newer.
import { page } from "./page.js";

// Smaller differences are within the precision of clocks and readings.
const TOLERANCE_MS = 3000;

/** Compare clocks: the site's clock showed `siteMs` at a moment between `fromMs` and `toMs` of this computer's. */
export function setClock(siteMs: number, fromMs: number, toMs: number): void {
  // A site time within the request's duration is no difference.
  const difference = siteMs - Math.min(Math.max(siteMs, fromMs), toMs);
  page.skewMs = Math.abs(difference) > TOLERANCE_MS ? difference : 0;
}

/** Whether this computer's clock shows `siteMs` now, within TOLERANCE_MS. */
export function agrees(siteMs: number): boolean {
  return Math.abs(Date.now() - siteMs) <= TOLERANCE_MS;
}

/** Milliseconds since 1970 by the site's clock. */
export function now(): number {
  return Date.now() + page.skewMs;
}
