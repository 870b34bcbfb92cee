// Runs before `npm pack` and `npm publish`: installs what the build needs where that is missing, then builds. Whatever
// fails here leaves no package.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

process.chdir(dirname(fileURLToPath(import.meta.url)));
// A dry run of `npm publish` would make a dry run of this too.
if (!existsSync("node_modules/esbuild")) run("npm", "ci", "--no-progress", "--dry-run=false");
run(process.execPath, "build.mjs");

function run(program, ...args) {
  // Standard output is for what npm prints about the package, such as its JSON.
  const { status, error } = spawnSync(program, args, { stdio: ["ignore", 2, 2], shell: process.platform === "win32" });
  if (status === 0) return;
  const command = [program === process.execPath ? "node" : program, ...args].join(" ");
  console.error(`Nothing was packed: \`${command}\` failed in frontend/${error ? ` (${error.code})` : ", see above"}.`);
  process.exit(1);
}
