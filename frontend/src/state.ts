// States of telemetry, for `onState` and `debug`.

/**
 * "on": recording. "off": the person does not share, or sharing is switched off. "signed_out": nobody is signed in.
 * "not_set_up": no endpoint, or no browser telemetry on this site.
 * "refused": a request was rejected although the person shares, for instance from a page of another origin.
 * "blocked": no answer although the browser is online; stopped until the network changes or initTelemetry is called.
 * "offline": the browser is offline; continues when it is online. "unavailable": the site or the collector asks to wait.
 */
export type TelemetryState = "on" | "off" | "signed_out" | "not_set_up" | "refused" | "blocked" | "offline" | "unavailable";

/** States after which a tab that becomes visible again does not ask the site. */
export const GIVEN_UP: readonly TelemetryState[] = ["not_set_up", "refused", "blocked", "offline"];

/** Whether the browser reports being offline. Use only after a failure: it also does so on a computer without network. */
export function isOffline(): boolean {
  return globalThis.navigator?.onLine === false;
}
