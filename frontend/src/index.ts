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
} from "./telemetry.js";
export type { Catalogue } from "./catalogue.js";
export type { Identity } from "./identity.js";
export type { TelemetryState } from "./state.js";
