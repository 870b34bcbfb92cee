// Sends one request to the endpoint, and interprets its answer.
import type { SendResult } from "./outbox.js";

export const PATIENCE_MS = 10_000; // the site itself waits five seconds for its collector

/** Send OTLP/JSON to `url`. Cookies are sent only to this site, a `Referer` never. */
export async function post(url: string, body: string, headers: Record<string, string>, closing: boolean): Promise<SendResult> {
  const answer = await fetch(url, {
    method: "POST",
    body,
    headers: { "Content-Type": "application/json", ...headers },
    keepalive: true, // the request continues if the page is left
    credentials: "same-origin",
    referrerPolicy: "no-referrer",
    redirect: "error",
    ...(closing ? {} : { signal: AbortSignal.timeout(PATIENCE_MS) }),
  });
  // Read and discard the body; otherwise the request stays open until its timeout.
  void answer.text().catch(() => {});
  // An HTML page comes from a captive portal or the like: no collector has the spans.
  if (/html/i.test(answer.headers.get("Content-Type") ?? "") && answer.ok) return { laterInMs: 0 };
  return resultOf(answer.status, answer.headers.get("Retry-After"));
}

export function resultOf(status: number, retryAfter: string | null): SendResult {
  if (status < 300) return "done";
  if (status === 401 || status === 403 || status === 404) return "off";
  if (status === 413) return "split";
  if (status === 408 || status === 429 || status >= 500) return { laterInMs: Math.min(Number(retryAfter) || 0, 600) * 1000 };
  return "never";
}
