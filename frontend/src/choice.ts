// The person's own switch in a front end: reads and saves their choice on the site, and tells every open tab.
// A module of its own, `@rhesis/telemetry/choice`, since only a page with such a switch needs it.
import { isOffline } from "./state.js";
import { PATIENCE_MS } from "./wire.js";

export interface Sharing {
  /** Whether the person's usage is recorded now. */
  enabled: boolean;
  /** What to tell the person: of a failure, what was not done and what to do. */
  message: string;
  /** Whether the site has saved the choice, or answered the question. */
  saved: boolean;
}

export interface ChoiceOptions {
  /** Where the site's API is ("/api/users/telemetry"); of this origin, so that the session's cookie goes along. */
  apiUrl?: string;
}

const API = "/api/users/telemetry";
const failed = (message: string): Sharing => ({ enabled: false, message, saved: false });

/** What the person's switch shows. Null where nobody is signed in or the site does not answer. */
export async function readSharing(options: ChoiceOptions = {}): Promise<boolean | null> {
  try {
    const answer = await ask("GET", `${options.apiUrl ?? API}/status`);
    return answer.ok ? (await told(answer)).telemetry_enabled : null;
  } catch {
    return null;
  }
}

/** Save the person's choice. Never throws; without `saved` in the answer nothing was changed, as far as is known. */
export async function chooseSharing(wanted: boolean, options: ChoiceOptions = {}): Promise<Sharing> {
  const api = options.apiUrl ?? API;
  try {
    // The answer to a question about the status brings the cookie that the site wants back in a header.
    if (!csrfToken()) await ask("GET", `${api}/status`);
    const answer = await ask("PUT", `${api}/${wanted ? "enable" : "disable"}`);
    if (answer.status === 401) return failed("Nothing was changed: you are signed out. Please sign in again.");
    if (answer.status === 403) return failed("Nothing was changed: the site refused the request. Please reload this page.");
    if (!answer.ok) return failed("Nothing was changed: the site could not save it. Please try again.");
    const { telemetry_enabled: enabled, message } = await told(answer);
    // What runs on this page hears it like every other tab.
    const channel = new BroadcastChannel("privacy");
    channel.postMessage({ wanted, enabled, message });
    channel.close();
    return { enabled, message, saved: true };
  } catch {
    return failed(
      isOffline()
        ? "You're offline; nothing was changed."
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

/** Of an answer with a 2xx. Rejects for one that is not the site's, such as a network's that wants a sign-in first. */
async function told(answer: Response): Promise<{ telemetry_enabled: boolean; message: string }> {
  const found = await answer.json();
  if (typeof found?.telemetry_enabled !== "boolean") throw new TypeError("not the site's answer");
  return found;
}

function csrfToken(): string {
  return /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie)?.[1] ?? "";
}
