"use client";

import { trackEvent, trackFeatureUsage } from "@/lib/telemetry";

// The calls accept ids for compatibility and ignore them: the session identifies the person.
const [userId, organizationId] = ["a-user", "an-organization"];

export default function Home() {
  return (
    <>
      <h1>Tests</h1>
      <button
        type="button"
        onClick={() => {
          trackEvent("button_click", { button_id: "create_test" }, userId, organizationId);
          trackFeatureUsage("test_run", "created", { test_id: "123" }, userId, organizationId);
        }}
      >
        Create a test
      </button>
    </>
  );
}
