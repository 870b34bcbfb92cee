export {
  initTelemetry,
  isTelemetryEnabled,
  setTelemetryEnabled,
  trackEvent,
  trackFeatureUsage,
  trackPageView,
  type Events,
  type Features,
  type TelemetryOptions,
} from "./telemetry";
export type { Catalogue } from "./catalogue";
export type { Identity } from "./identity";
