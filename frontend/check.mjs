// What can be said about the package without running it: types, then the packed package as an installer resolves it.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "./bundling.mjs";

const checks = [
  ["typescript/bin/tsc", "--noEmit"],
  ["publint/src/cli.js", "--strict"],
  // CommonJS and resolution by the oldest rules ("node10") are not supported.
  ["@arethetypeswrong/cli/dist/index.js", "--pack", ".", "--profile", "esm-only", "--no-emoji", "--no-color"],
];
for (const [script, ...args] of checks) {
  const { status } = spawnSync(process.execPath, [join(root, "node_modules", script), ...args], { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
