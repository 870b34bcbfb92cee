// The time by the site's clock: many a computer's is minutes off, and an event from before consent must not look later.

// What a request takes, and a rendered page waits, looks like a difference of clocks too.
const TOLERANCE_MS = 3000;

let skewMs = 0;

/** Compare clocks: at `localMs` of this computer the site's clock showed `siteMs`. */
export function setClock(siteMs: number, localMs: number): void {
  const difference = siteMs - localMs;
  skewMs = Math.abs(difference) > TOLERANCE_MS ? difference : 0;
}

/** Milliseconds since 1970 by the site's clock. */
export function now(): number {
  return Date.now() + skewMs;
}
