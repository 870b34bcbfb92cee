import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { agrees, now, setClock } from "../src/clock.js";

afterEach(() => setClock(0, 0, 0));

const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 1000, `${actual} is not ${expected}`);

for (const minutes of [-90, -5, 5, 525_600]) {
  test(`a clock ${minutes} minutes off is set right`, () => {
    setClock(Date.now() - minutes * 60_000, Date.now(), Date.now());
    near(now(), Date.now() - minutes * 60_000);
  });
}

for (const seconds of [2, 9]) {
  test(`an answer that takes ${seconds} seconds is no difference of clocks`, () => {
    setClock(Date.now() - seconds * 1000, Date.now() - seconds * 1000 - 100, Date.now());
    near(now(), Date.now());
  });
}

test("of a clock that is off and a slow answer, what took the time is not counted", () => {
  setClock(Date.now() - 609_000, Date.now() - 9000, Date.now());
  near(now(), Date.now() - 600_000);
});

for (const [seconds, same] of [[0, true], [1, true], [-1, true], [60, false], [-60, false], [NaN, false]] as const) {
  test(`a time ${seconds} seconds off is ${same ? "" : "not "}this computer's`, () => {
    assert.equal(agrees(Date.now() + seconds * 1000), same);
  });
}
