// Asks the site whether this page's events may be recorded, and until when.
import { isOffline, type TelemetryState } from "./state.js";
import { PATIENCE_MS } from "./wire.js";

/** Answer of `GET /v1/identity`; without consent, only the first two fields. */
export interface Identity {
  telemetry_enabled: boolean;
  /** Why not. */
  reason?: "off" | "signed_out" | "not_set_up";
  now_ms?: number;
  page?: string;
  since_ms?: number;
  expires_ms?: number;
  /** Pseudonyms, where spans go straight to a collector elsewhere. */
  identity?: Record<string, string>;
}

/** The site's answer, or the state if there is none. Every state means that nothing may be recorded. */
export async function askIdentity(url: string): Promise<Identity | TelemetryState> {
  let answer: Response;
  try {
    answer = await fetch(url, {
      credentials: "same-origin",
      cache: "no-store",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch (error) {
    if (isOffline()) return "offline";
    return (error as Error).name === "TimeoutError" ? "unavailable" : "blocked";
  }
  if (!answer.ok) return answer.status === 429 || answer.status >= 500 ? "unavailable" : "refused";
  // A page instead of JSON: the address does not exist, and the app shows its own page.
  const found = await answer.json().catch(() => null);
  return typeof found?.telemetry_enabled === "boolean" ? found : "not_set_up";
}
