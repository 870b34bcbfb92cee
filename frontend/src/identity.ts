// What the site says of who looks at this page: whether anything may be recorded, and for how long that holds.
import { PATIENCE_MS } from "./wire.js";

/** The answer of `GET /v1/identity`; only the first two for those who do not consent. */
export interface Identity {
  telemetry_enabled: boolean;
  now_ms: number;
  page?: string;
  since_ms?: number;
  expires_ms?: number;
  /** Pseudonyms, where spans go straight to a collector elsewhere. */
  identity?: Record<string, string>;
}

/** Null when there is nobody signed in, no browser telemetry, or no answer in time: each of them means no. */
export async function askIdentity(url: string): Promise<Identity | null> {
  try {
    const answer = await fetch(url, {
      credentials: "same-origin",
      cache: "no-store",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return answer.ok ? ((await answer.json()) as Identity) : null;
  } catch {
    return null;
  }
}
