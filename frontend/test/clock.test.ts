import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { now, setClock } from "../src/clock";

afterEach(() => setClock(0, 0));

const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 1000, `${actual} is not ${expected}`);

for (const minutes of [-90, -5, 5, 525_600]) {
  test(`a clock ${minutes} minutes off is set right`, () => {
    setClock(Date.now() - minutes * 60_000, Date.now());
    near(now(), Date.now() - minutes * 60_000);
  });
}

test("what a request takes is no difference of clocks", () => {
  setClock(Date.now() - 2000, Date.now());
  near(now(), Date.now());
});
