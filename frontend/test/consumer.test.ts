// The package as an adopter's compiler sees it: declarations that do not resolve would make every call `any`.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

// test.mjs runs the tests in the package's own folder.
const COMPILER = join(process.cwd(), "node_modules/typescript/bin/tsc");
const RIGHT = `
import { initTelemetry, trackEvent, trackFeatureUsage, trackPageView } from "@rhesis/telemetry";
await initTelemetry({ endpoint: "/v1/traces" });
trackPageView("/dashboard", "user", "organization");
trackEvent("button_click", { button_id: "create_test" }, "user", "organization");
trackFeatureUsage("test_run", "created", { test_id: "123" }, "user", "organization");
`;
const WRONG = [
  'trackEvent("keyboard_smash");',
  'trackEvent("button_click", { title: "secret" });',
  'trackFeatureUsage("mind_reading", "created");',
  'trackFeatureUsage("test_run", "eaten");',
  'trackFeatureUsage("test_run", "created", { test_count: "7" });',
];
let app: string;

function compile(...options: string[]): string[] {
  const { stdout, stderr } = spawnSync(process.execPath, [COMPILER, "--pretty", "false", ...options], { cwd: app, encoding: "utf8" });
  assert.equal(stderr, "");
  return stdout.split("\n").filter((line) => line.includes("error"));
}

before(() => {
  app = mkdtempSync(join(tmpdir(), "consumer-"));
  const installed = join(app, "node_modules/@rhesis/telemetry");
  mkdirSync(installed, { recursive: true });
  // The packed file, as an installer unpacks it.
  for (const [program, ...args] of [
    ["npm", "pack", "--silent", "--pack-destination", app],
    ["tar", "-xzf", join(app, "rhesis-telemetry-0.1.0.tgz"), "-C", installed, "--strip-components=1"],
  ] as const) {
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
    assert.equal(status, 0, stdout + stderr);
  }
  writeFileSync(join(app, "package.json"), '{ "type": "module" }');
});
after(() => rmSync(app, { recursive: true }));

/** The resolutions in use, and last what `tsc --init` of TypeScript 5.9 writes. */
const OPTIONS = {
  bundler: ["--module", "esnext", "--moduleResolution", "bundler"],
  node16: ["--module", "node16", "--moduleResolution", "node16"],
  nodenext: ["--module", "nodenext", "--moduleResolution", "nodenext"],
};

for (const [resolution, options] of Object.entries(OPTIONS)) {
  test(`under ${resolution} the note's calls compile and none of five wrong ones does`, () => {
    writeFileSync(join(app, "right.ts"), RIGHT);
    writeFileSync(join(app, "wrong.ts"), `${RIGHT}${WRONG.join("\n")}\n`);
    // With our declarations checked too, where no other package has types.
    const all = ["--noEmit", "--strict", "--skipDefaultLibCheck", "--target", "esnext", "--lib", "esnext,dom", ...options];
    assert.deepEqual(compile(...all, "right.ts"), []);
    const lines = compile(...all, "wrong.ts").map((error) => Number(/\((\d+),/.exec(error)![1]));
    const first = RIGHT.split("\n").length;
    assert.deepEqual(lines, WRONG.map((_, number) => first + number));
  });
}

const OWN = `
import type { Declared } from "@rhesis/telemetry";
declare module "@rhesis/telemetry" {
  interface Register { catalogue: Catalogue }
}
export interface Catalogue {
  events: { price_compared: { count?: number } };
  features: { price_list: Record<"sorted", { by?: "name" | "price" }>; page_view: Record<"viewed", { route?: "/pricing/:id" }> };
}
export const catalogue: Declared = { user_activity: { price_compared: [[], { count: [0, 10] }] } };
`;
const OWN_RIGHT = `
import { initTelemetry, trackEvent, trackFeatureUsage, type Events } from "@rhesis/telemetry";
import { catalogue } from "./catalogue.js";
await initTelemetry({ endpoint: "/v1/traces", catalogue });
trackEvent("price_compared", { count: 3 });
trackFeatureUsage("price_list", "sorted", { by: "price" });
export const event: keyof Events = "price_compared";
`;
const OWN_WRONG = [
  'trackEvent("button_click", { button_id: "create_test" });',
  'trackEvent("price_compared", { count: "3" });',
  'trackFeatureUsage("price_list", "burnt");',
  'trackFeatureUsage("price_list", "sorted", { by: "colour" });',
  'trackFeatureUsage("test_run", "created");',
];

for (const [resolution, options] of Object.entries(OPTIONS)) {
  test(`under ${resolution} an app's own catalogue takes the place of the package's types`, () => {
    writeFileSync(join(app, "catalogue.ts"), OWN);
    writeFileSync(join(app, "own.ts"), `${OWN_RIGHT}${OWN_WRONG.join("\n")}\n`);
    const lines = compile("--noEmit", "--strict", "--skipDefaultLibCheck", "--target", "esnext", "--lib", "esnext,dom", ...options, "own.ts");
    const first = OWN_RIGHT.split("\n").length;
    assert.deepEqual(
      lines.map((error) => Number(/^own\.ts\((\d+),/.exec(error)?.[1])),
      OWN_WRONG.map((_, number) => first + number),
    );
    for (const name of ["catalogue.ts", "own.ts"]) rmSync(join(app, name));
  });
}

test("the configuration that `tsc --init` writes finds the five wrong calls too", () => {
  compile("--init");
  writeFileSync(join(app, "right.ts"), RIGHT);
  writeFileSync(join(app, "wrong.ts"), `${RIGHT}${WRONG.join("\n")}\n`);
  const errors = compile("-p", "tsconfig.json", "--noEmit");
  assert.equal(errors.length, WRONG.length, errors.join("\n"));
  assert.ok(errors.every((error) => error.startsWith("wrong.ts")));
});
