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

/** Start telemetry if the person consents; does nothing otherwise, or on the server. Later calls return the first result. */
export function startTelemetry(): Promise<boolean> {
  return (started ??= askAgain());
}

/** Ask the site again; call it after a sign-in or sign-out without a page load. */
export function askAgain(): Promise<boolean> {
  return initTelemetry({
    // Empty: no telemetry. A path is this app's own server, which passes it on to the site (proxy.ts).
    endpoint: process.env.NEXT_PUBLIC_OTEL_ENDPOINT ?? "/v1/traces",
    deploymentType: process.env.NEXT_PUBLIC_DEPLOYMENT_TYPE,
    autoPageViews: false, // PageViews records them
    onState: (now) => {
      state = now;
      listeners.forEach((listener) => listener());
    },
  });
}

/** Telemetry state, for `useSyncExternalStore`; null until it is known. */
export const telemetryState = {
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  get: (): TelemetryState | null => state,
  onServer: (): null => null,
};
