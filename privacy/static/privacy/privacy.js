// Saves the toggle at once and shows choices made in other tabs. Without this script, the form saves with a page load.
const form = document.getElementById("sharing-form");
const button = form.querySelector("[role=switch]");
const decision = document.getElementById("decision");
const offer = document.getElementById("offer-deletion");
const channel = "BroadcastChannel" in window ? new BroadcastChannel("privacy") : null;
const CHOICE_COOKIE = "privacy_choice"; // the site changes it with every choice
let timer;

function isOn() {
  return button.getAttribute("aria-checked") === "true";
}

function show(wanted, enabled, message) {
  button.setAttribute("aria-checked", String(wanted));
  button.querySelector(".state").textContent = wanted ? "On" : "Off";
  form.elements.sharing.value = wanted ? "off" : "on";
  decision.textContent = message;
  decision.classList.toggle("on", enabled);
  if (offer) offer.hidden = wanted;
  // The notice shows the state before this choice, and the choice answers it.
  document.querySelector("[data-notice]")?.remove();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (button.getAttribute("aria-busy") === "true") return;
  const wanted = form.elements.sharing.value === "on";
  button.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(wanted ? form.dataset.enable : form.dataset.disable, {
      method: "PUT",
      credentials: "same-origin",
      headers: { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value, Accept: "application/json" },
    });
    if (!answer.ok) return form.submit(); // the page load shows what is wrong
    const { telemetry_enabled: enabled, message } = await answer.json();
    show(wanted, enabled, message);
    channel?.postMessage({ wanted, enabled, message });
    refreshSoon();
  } catch {
    decision.textContent = navigator.onLine
      ? "The site did not answer. Reload this page to see whether your choice was saved."
      : "You're offline. Nothing was changed; please try again when you are online.";
  } finally {
    button.removeAttribute("aria-busy");
  }
});

// Fetch this page again and update the parts that changed.
async function refresh() {
  const answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const [now, history] = [fresh.getElementById("decision"), fresh.getElementById("history")];
  if (!answer.ok || !now || !history) return; // signed out, or the site failed
  const wanted = fresh.querySelector("#sharing-form [role=switch]").getAttribute("aria-checked") === "true";
  if (wanted !== isOn()) show(wanted, now.classList.contains("on"), now.textContent);
  const old = document.getElementById("history");
  if (!old.contains(document.activeElement)) old.replaceWith(history);
}

function refreshSoon() {
  clearTimeout(timer);
  // One choice triggers several of the listeners below at about the same time.
  timer = setTimeout(() => void refresh().catch(() => {}), 50);
}

channel?.addEventListener("message", ({ data }) => {
  // Ignore other messages on this channel. The refresh then shows the site's own state.
  if (typeof data?.wanted === "boolean") show(data.wanted, data.enabled, data.message);
  refreshSoon();
});
// Choices made on another port or host, which the channel does not reach.
globalThis.cookieStore?.addEventListener("change", ({ changed }) => {
  if (changed.some(({ name }) => name === CHOICE_COOKIE)) refreshSoon();
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") refreshSoon();
});
