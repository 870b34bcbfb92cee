// Reports to the site when a prefetched page becomes visible. Pages of a normal navigation do not load this script.
const { seen: url, token, page } = document.querySelector("script[data-seen]").dataset;
const notice = document.querySelector("[data-notice]")?.dataset.notice;

function isVisible() {
  return !document.prerendering && document.visibilityState === "visible";
}

function report() {
  if (!isVisible()) return;
  document.removeEventListener("visibilitychange", report);
  document.removeEventListener("prerenderingchange", report);
  const body = new URLSearchParams({ page, ...(notice ? { version: notice } : {}) });
  // If the request fails, nothing is recorded.
  fetch(url, { method: "POST", body, credentials: "same-origin", keepalive: true, headers: { "X-CSRFToken": token } }).catch(() => {});
}

document.addEventListener("visibilitychange", report);
document.addEventListener("prerenderingchange", report);
report();
