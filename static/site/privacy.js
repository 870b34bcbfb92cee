// Saves the toggle at once. Without this file the form does the same with a page load.
const form = document.getElementById("sharing-form");
const button = form.querySelector("[role=switch]");
const decision = document.getElementById("decision");
const offer = document.getElementById("offer-deletion");
const channel = "BroadcastChannel" in window ? new BroadcastChannel("privacy") : null;

function show(wanted, enabled, message) {
  button.setAttribute("aria-checked", String(wanted));
  button.querySelector(".state").textContent = wanted ? "On" : "Off";
  form.elements.sharing.value = wanted ? "off" : "on";
  decision.textContent = message;
  decision.classList.toggle("on", enabled);
  if (offer) offer.hidden = wanted;
  // The notice on this page says what was the case before; it has been answered.
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
    if (!answer.ok) throw new Error(String(answer.status));
    const { telemetry_enabled: enabled, message } = await answer.json();
    show(wanted, enabled, message);
    channel?.postMessage({ wanted, enabled, message });
  } catch {
    form.submit(); // the plain form knows how to say what is wrong
  } finally {
    button.removeAttribute("aria-busy");
  }
});

channel?.addEventListener("message", ({ data }) => show(data.wanted, data.enabled, data.message));
