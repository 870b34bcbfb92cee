// `import { trackPageView } from "@/lib/telemetry"`, anywhere in the app.
import { initTelemetry } from "@rhesis/telemetry";

export {
  isTelemetryEnabled,
  setTelemetryEnabled,
  trackEvent,
  trackFeatureUsage,
  trackPageView,
} from "@rhesis/telemetry";

/** Begins for those who consent; for everybody else, and on the server, it does nothing. */
export function startTelemetry(): Promise<boolean> {
  return initTelemetry({
    endpoint: process.env.NEXT_PUBLIC_OTEL_ENDPOINT,
    deploymentType: process.env.NEXT_PUBLIC_DEPLOYMENT_TYPE,
    autoPageViews: false, // the router says when a page is looked at
  });
}
