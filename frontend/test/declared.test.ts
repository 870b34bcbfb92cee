import assert from "node:assert/strict";
import { test } from "node:test";
import { admitted } from "../src/declared.js";

test("a declared event keeps its metadata", () => {
  assert.deepEqual(admitted("feature_usage", "test_run", "created", { test_id: "123", test_count: 7 }, true), {
    "event.category": "feature_usage",
    "feature.name": "test_run",
    "feature.action": "created",
    "metadata.test_id": "123",
    "metadata.test_count": 7,
  });
  assert.deepEqual(admitted("user_activity", "button_click", null, { button_id: "create_test" }, true), {
    "event.category": "user_activity",
    "event.type": "button_click",
    "metadata.button_id": "create_test",
  });
});

test("ids are left out on the way to a collector elsewhere", () => {
  assert.deepEqual(admitted("feature_usage", "test_run", "created", { test_id: "123" }, false), {
    "event.category": "feature_usage",
    "feature.name": "test_run",
    "feature.action": "created",
  });
});

test("undefined metadata is no metadata", () => {
  assert.ok(admitted("feature_usage", "test_run", "created", { test_id: undefined }, true));
});

const REFUSED: [string, Parameters<typeof admitted>][] = [
  ["an unknown event", ["user_activity", "no_such_event", null, {}, true]],
  ["an event not for browsers", ["user_activity", "login", null, {}, true]],
  ["a feature not for browsers", ["feature_usage", "report", "viewed", {}, true]],
  ["an unknown action", ["feature_usage", "test_run", "eaten", {}, true]],
  ["a name every object has", ["user_activity", "constructor", null, {}, true]],
  ["metadata every object has", ["user_activity", "button_click", null, { constructor: 1 }, true]],
  ["unknown metadata", ["user_activity", "button_click", null, { title: "secret" }, true]],
  ["free text for a choice", ["user_activity", "button_click", null, { button_id: "my secret" }, true]],
  ["a number out of bounds", ["feature_usage", "test_run", "run", { test_count: -1 }, true]],
  ["no number", ["feature_usage", "test_run", "run", { test_count: NaN }, true]],
  ["a number as text", ["feature_usage", "test_run", "run", { test_count: "7" }, true]],
  ["a yes that is none", ["feature_usage", "test_set", "run", { generated: "true" }, true]],
  ["an id that is none", ["feature_usage", "test_run", "run", { test_id: { a: 1 } }, true]],
  ["null", ["feature_usage", "test_run", "run", { test_count: null }, true]],
];

for (const [what, call] of REFUSED) {
  test(`${what} is refused`, () => assert.equal(admitted(...call), null));
}
