// Builds dist/telemetry/: telemetry.js and choice.js (ES modules, with types) and site.js (what this site's pages begin with).
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { build } from "esbuild";
import { bundling, root } from "./bundling.mjs";

process.chdir(root);
rmSync("dist", { recursive: true, force: true });
await build({
  ...bundling,
  entryPoints: { telemetry: "src/index.ts", choice: "src/choice.ts", site: "src/site.ts" },
  outdir: "dist/telemetry",
  minify: true,
});
execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.types.json"], { stdio: "inherit" });
