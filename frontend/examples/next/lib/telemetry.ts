// `import { trackPageView } from "@/lib/telemetry"`, anywhere in the app.
import { initTelemetry, type TelemetryState } from "@rhesis/telemetry";

export {
  isTelemetryEnabled,
  setTelemetryEnabled,
  trackEvent,
  trackFeatureUsage,
  trackPageView,
  type TelemetryState,
} from "@rhesis/telemetry";
export { chooseSharing, readSharing } from "@rhesis/telemetry/choice";

let state: TelemetryState | null = null;
let started: Promise<boolean> | undefined;
const listeners = new Set<() => void>();

/** Begins for those who consent; for everybody else, and on the server, it does nothing. The first call decides. */
export function startTelemetry(): Promise<boolean> {
  return (started ??= askAgain());
}

/** Asks the site who it is: after signing in, out, or in as somebody else without a page load. */
export function askAgain(): Promise<boolean> {
  return initTelemetry({
    // Empty: no telemetry. A path is this app's own server, which passes it on to the site (proxy.ts).
    endpoint: process.env.NEXT_PUBLIC_OTEL_ENDPOINT ?? "/v1/traces",
    deploymentType: process.env.NEXT_PUBLIC_DEPLOYMENT_TYPE,
    autoPageViews: false, // the router says when a page is looked at
    onState: (now) => {
      state = now;
      listeners.forEach((listener) => listener());
    },
  });
}

/** Why telemetry is on or not, null while nobody knows yet; for `useSyncExternalStore`. */
export const telemetryState = {
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  get: (): TelemetryState | null => state,
  onServer: (): null => null,
};
