// One request to whoever takes spans, and what its answer means.
import type { Verdict } from "./outbox.js";

export const PATIENCE_MS = 10_000; // the site itself waits five seconds for its collector

/** OTLP/JSON to `url`. Cookies go along only to this site; a path in `Referer` goes to nobody. */
export async function post(url: string, body: string, headers: Record<string, string>, closing: boolean): Promise<Verdict> {
  const answer = await fetch(url, {
    method: "POST",
    body,
    headers: { "Content-Type": "application/json", ...headers },
    keepalive: true, // a page that is left meanwhile neither takes it back nor sends it again
    credentials: "same-origin",
    referrerPolicy: "no-referrer",
    redirect: "error",
    ...(closing ? {} : { signal: AbortSignal.timeout(PATIENCE_MS) }),
  });
  // What else it says is for nobody; but left unread, the request would be under way until its time is out.
  void answer.text().catch(() => {});
  // A page is from somebody in between, such as a network that wants a sign-in first: no collector has the spans.
  if (/html/i.test(answer.headers.get("Content-Type") ?? "") && answer.ok) return { laterInMs: 0 };
  return verdict(answer.status, answer.headers.get("Retry-After"));
}

export function verdict(status: number, retryAfter: string | null): Verdict {
  if (status < 300) return "done";
  if (status === 401 || status === 403 || status === 404) return "off";
  if (status === 413) return "split";
  if (status === 408 || status === 429 || status >= 500) return { laterInMs: Math.min(Number(retryAfter) || 0, 600) * 1000 };
  return "never";
}
