// What can be said about the package without running it: types, then the packed file as an installer resolves it.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./bundling.mjs";

const folder = mkdtempSync(join(tmpdir(), "packed-"));
process.on("exit", () => rmSync(folder, { recursive: true }));
const tool = (script, ...args) => run(process.execPath, join(root, "node_modules", script), ...args);

tool("typescript/bin/tsc", "--noEmit");
run("npm", "pack", "--silent", "--pack-destination", folder);
const packed = join(folder, readdirSync(folder)[0]);
tool("publint/src/cli.js", packed, "--strict");
// CommonJS and resolution by the oldest rules ("node10") are not supported.
tool("@arethetypeswrong/cli/dist/index.js", packed, "--profile", "esm-only", "--no-emoji", "--no-color");

function run(...command) {
  const { status } = spawnSync(command[0], command.slice(1), { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
