// What is not declared does not compile: `tsc` fails here if one of these lines stops being an error.
import { test } from "node:test";
import { trackEvent, trackFeatureUsage, trackPageView } from "../src/index.js";

test("the calls of the original note compile, and undeclared ones do not", () => {
  const userId = "a user's id";
  const organizationId = "an organization's id";
  trackPageView("/dashboard", userId, organizationId);
  trackEvent("button_click", { button_id: "create_test" }, userId, organizationId);
  trackFeatureUsage("test_run", "created", { test_id: "123" }, userId, organizationId);
  trackFeatureUsage("prompt", "viewed");
  // @ts-expect-error an event that is not declared
  trackEvent("keyboard_smash");
  // @ts-expect-error an event that only the site records
  trackEvent("login");
  // @ts-expect-error a choice that is not declared
  trackEvent("button_click", { button_id: "anything" });
  // @ts-expect-error metadata that is not declared
  trackEvent("button_click", { title: "secret" });
  // @ts-expect-error a feature that is not declared
  trackFeatureUsage("mind_reading", "created");
  // @ts-expect-error an action that is not declared
  trackFeatureUsage("test_run", "eaten");
  // @ts-expect-error a value of another type
  trackFeatureUsage("test_run", "created", { test_count: "7" });
  // @ts-expect-error free text where nothing is declared
  trackFeatureUsage("prompt", "created", { text: "secret" });
});
