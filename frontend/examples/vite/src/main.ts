import { initTelemetry, trackFeatureUsage } from "@rhesis/telemetry";
import { chooseSharing, readSharing } from "@rhesis/telemetry/choice";
import { catalogue } from "./catalogue";

const sharing = document.querySelector<HTMLInputElement>("#sharing")!;
const outcome = document.querySelector("#outcome")!;

// Page views count by themselves from here on, also those that only change the address.
void initTelemetry({
  endpoint: "/v1/traces",
  catalogue, // events and routes of this app
  onState: async (state) => {
    const shares = state === "signed_out" ? null : await readSharing();
    sharing.disabled = shares === null;
    sharing.checked = shares === true;
  },
});

sharing.onchange = async () => {
  const { saved, enabled, message } = await chooseSharing(sharing.checked);
  sharing.checked = saved ? enabled : !sharing.checked;
  outcome.textContent = message;
};

for (const link of document.querySelectorAll<HTMLAnchorElement>("nav a[href^='/pricing']")) {
  link.onclick = (event) => {
    event.preventDefault();
    history.pushState(null, "", link.href);
  };
}

document.querySelector<HTMLButtonElement>("#sort")!.onclick = () => trackFeatureUsage("price_list", "sorted", { by: "price" });
