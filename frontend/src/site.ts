// The script of this site's own pages, put there for those who consent only. Loads the rest when the browser is idle.

const IDLE_WITHIN_MS = 2000;
const data = document.querySelector<HTMLScriptElement>("script[data-telemetry]")?.dataset;

async function load(): Promise<void> {
  if (!data?.["telemetry"]) return;
  const telemetry = (await import(data["telemetry"])) as typeof import("./index");
  await telemetry.initTelemetry({
    endpoint: data["endpoint"],
    deploymentType: data["deployment"],
    identity: { telemetry_enabled: true, now_ms: Number(data["now"]), page: data["page"] ?? "" },
  });
}

// Safari has no requestIdleCallback.
const whenIdle = globalThis.requestIdleCallback ?? ((work: () => void) => setTimeout(work, 200));
whenIdle(() => void load().catch(() => {}), { timeout: IDLE_WITHIN_MS });
