export {
  initTelemetry,
  isTelemetryEnabled,
  setTelemetryEnabled,
  trackEvent,
  trackFeatureUsage,
  trackPageView,
  type TelemetryOptions,
} from "./telemetry.js";
export type { Catalogue } from "./catalogue.js";
export type { Declared, Kind } from "./declared.js";
export type { Identity } from "./identity.js";
export * from "./register.js"; // with a star, so that an app's `declare module` reaches it
export type { TelemetryState } from "./state.js";
