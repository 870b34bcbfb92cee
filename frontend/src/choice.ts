// Reads and saves the person's sharing choice on the site, and notifies every open tab.
// A separate module, `@rhesis/telemetry/choice`: only a page with a switch needs it.
import { isOffline } from "./state.js";
import { PATIENCE_MS } from "./wire.js";

export interface Sharing {
  /** Whether the person's usage is recorded now. */
  enabled: boolean;
  /** Message for the person; after a failure, what happened and what to do. */
  message: string;
  /** Whether the site confirmed that it saved the choice. */
  saved: boolean;
}

export interface ChoiceOptions {
  /** Path of the site's API ("/api/users/telemetry"); same origin, so that the session cookie is sent. */
  apiUrl?: string;
}

const API = "/api/users/telemetry";
const failed = (message: string): Sharing => ({ enabled: false, message, saved: false });

/** The state for the person's switch. Null if nobody is signed in or the site does not answer. */
export async function readSharing(options: ChoiceOptions = {}): Promise<boolean | null> {
  try {
    const answer = await ask("GET", `${options.apiUrl ?? API}/status`);
    return answer.ok ? (await parsed(answer)).telemetry_enabled : null;
  } catch {
    return null;
  }
}

/** Save the person's choice. Never throws; `saved` is false if the site did not confirm. */
export async function chooseSharing(wanted: boolean, options: ChoiceOptions = {}): Promise<Sharing> {
  const api = options.apiUrl ?? API;
  try {
    // The status answer sets the CSRF cookie, which the site expects back in a header.
    if (!csrfToken()) await ask("GET", `${api}/status`);
    const answer = await ask("PUT", `${api}/${wanted ? "enable" : "disable"}`);
    if (answer.status === 401) return failed("Nothing was changed: you are signed out. Please sign in again.");
    if (answer.status === 403) return failed("Nothing was changed: the site refused the request. Please reload this page.");
    if (!answer.ok) return failed("Nothing was changed: the site could not save it. Please try again.");
    const { telemetry_enabled: enabled, message } = await parsed(answer);
    // Telemetry on this page listens to the same channel as other tabs.
    const channel = new BroadcastChannel("privacy");
    channel.postMessage({ wanted, enabled, message });
    channel.close();
    return { enabled, message, saved: true };
  } catch {
    return failed(
      isOffline()
        ? "You're offline. Nothing was changed; please try again when you are online."
        : "The site did not answer. Reload this page to see whether your choice was saved.",
    );
  }
}

function ask(method: string, url: string): Promise<Response> {
  return fetch(url, {
    method,
    credentials: "same-origin",
    cache: "no-store",
    headers: { Accept: "application/json", "X-CSRFToken": csrfToken() },
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
}

/** The body of a 2xx answer. Rejects an answer that is not the site's, such as a captive portal's page. */
async function parsed(answer: Response): Promise<{ telemetry_enabled: boolean; message: string }> {
  const found = await answer.json();
  if (typeof found?.telemetry_enabled !== "boolean") throw new TypeError("not the site's answer");
  return found;
}

function csrfToken(): string {
  return /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie)?.[1] ?? "";
}
