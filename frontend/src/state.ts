// Why telemetry is on or not: for `onState` and `debug`, which tell apart what would all look like silence.

/**
 * "on": recording. "off": the person does not share, or may not. "signed_out": nobody is signed in.
 * "not_set_up": there is no endpoint, or no browser telemetry on this site.
 * "refused": an answer says no although the person shares, such as to a page of another origin.
 * "blocked": there is no answer although the browser is online; given up until the network changes or initTelemetry is called.
 * "offline": the browser is offline; goes on when it is back. "unavailable": the site or the collector asks to wait.
 */
export type TelemetryState = "on" | "off" | "signed_out" | "not_set_up" | "refused" | "blocked" | "offline" | "unavailable";

/** Looking at the tab again asks nothing after these. */
export const GIVEN_UP: readonly TelemetryState[] = ["not_set_up", "refused", "blocked", "offline"];

/** Whether the browser says so. Believed only after a failure: it calls a computer with nothing but itself offline. */
export function isOffline(): boolean {
  return globalThis.navigator?.onLine === false;
}
