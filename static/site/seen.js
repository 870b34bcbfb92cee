// Tells the site that a page which was fetched ahead is looked at now. On pages that the browser navigated to it is left out.
const { seen: url, token, page } = document.querySelector("script[data-seen]").dataset;
const notice = document.querySelector("[data-notice]")?.dataset.notice;

function isLookedAt() {
  return !document.prerendering && document.visibilityState === "visible";
}

function tell() {
  if (!isLookedAt()) return;
  document.removeEventListener("visibilitychange", tell);
  document.removeEventListener("prerenderingchange", tell);
  const body = new URLSearchParams({ page, ...(notice ? { version: notice } : {}) });
  // Where it does not arrive, nothing is recorded.
  fetch(url, { method: "POST", body, credentials: "same-origin", keepalive: true, headers: { "X-CSRFToken": token } }).catch(() => {});
}

document.addEventListener("visibilitychange", tell);
document.addEventListener("prerenderingchange", tell);
tell();
