// Type-checks, bundles the tests as the package itself is bundled, and runs them with Node's own runner.
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { bundling, root } from "./bundling.mjs";

process.chdir(root);
const run = (...args) => {
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};
run("node_modules/typescript/bin/tsc", "--noEmit");
const outdir = join(root, "node_modules/.cache/tests");
rmSync(outdir, { recursive: true, force: true });
const names = readdirSync("test").filter((name) => name.endsWith(".test.ts"));
await build({
  ...bundling,
  // The package by itself as well, so that a test can load it anew.
  entryPoints: [...names.map((name) => ({ in: join("test", name), out: name.replace(/\.ts$/, "") })), { in: "src/index.ts", out: "telemetry.bundle" }],
  outdir,
  outExtension: { ".js": ".mjs" },
  external: ["node:*"],
  sourcemap: "inline",
});
// A test that hangs is one that fails.
run("--test", "--test-timeout=300000", ...names.map((name) => join(outdir, name.replace(/\.ts$/, ".mjs"))));
