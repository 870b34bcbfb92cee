// Script of this site's own pages, included only with consent. Loads the package when the browser is idle.

import { activated, isMadeAhead } from "./looked.js";

const IDLE_WITHIN_MS = 2000;
const data = document.querySelector<HTMLScriptElement>("script[data-telemetry]")?.dataset;
const readMs = performance.now();

async function load(): Promise<void> {
  if (!data?.["telemetry"]) return;
  if (isMadeAhead()) await activated();
  const { catalogue } = data;
  const own = catalogue ? { catalogue: await (await fetch(catalogue)).json() } : {};
  const telemetry = (await import(data["telemetry"])) as typeof import("./index.js");
  // The site's time went on while this waited for the browser.
  const nowMs = Number(data["now"]) + performance.now() - readMs;
  await telemetry.initTelemetry({
    ...own,
    endpoint: data["endpoint"],
    deploymentType: data["deployment"],
    identity: { telemetry_enabled: true, now_ms: nowMs, page: data["page"] ?? "" },
  });
}

// Safari has no requestIdleCallback.
const whenIdle = globalThis.requestIdleCallback ?? ((work: () => void) => setTimeout(work, 200));
whenIdle(() => void load().catch(() => {}), { timeout: IDLE_WITHIN_MS });
