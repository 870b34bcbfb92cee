"use client";

import { trackEvent, trackFeatureUsage } from "@/lib/telemetry";

export default function Home() {
  return (
    <main>
      <h1>Tests</h1>
      <button
        onClick={() => {
          trackEvent("button_click", { button_id: "create_test" });
          trackFeatureUsage("test", "created", { kind: "single_turn" });
        }}
      >
        Create a test
      </button>
    </main>
  );
}
