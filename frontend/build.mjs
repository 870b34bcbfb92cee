// Builds dist/telemetry/: telemetry.js and choice.js (ES modules, with types), site.js (what this site's pages begin
// with), source maps, and NOTICE.txt about what is bundled.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { bundling, root } from "./bundling.mjs";

const OUTPUT = "dist/telemetry";
const PUBLIC = ["index.d.ts", "choice.d.ts"];

process.chdir(root);
rmSync("dist", { recursive: true, force: true });
const { metafile } = await build({
  ...bundling,
  entryPoints: { telemetry: "src/index.ts", choice: "src/choice.ts", site: "src/site.ts" },
  outdir: OUTPUT,
  minify: true,
  sourcemap: true,
  metafile: true,
});
const { inputs } = metafile.outputs[`${OUTPUT}/telemetry.js`];
writeFileSync(join(OUTPUT, "NOTICE.txt"), notice(Object.keys(inputs).filter((path) => inputs[path].bytesInOutput > 0)));
copyTypes();

/** The public declarations, and those that they import. */
function copyTypes() {
  const all = mkdtempSync(join(tmpdir(), "types-"));
  try {
    const tsc = ["node_modules/typescript/bin/tsc", "-p", "tsconfig.types.json", "--outDir", all];
    execFileSync(process.execPath, tsc, { stdio: "inherit" });
    const wanted = new Set(PUBLIC);
    for (const name of wanted) {
      for (const [, imported] of readFileSync(join(all, name), "utf8").matchAll(/ from "\.\/([^"]+)\.js"/g)) {
        wanted.add(`${imported}.d.ts`);
      }
      cpSync(join(all, name), join(OUTPUT, name));
    }
  } finally {
    rmSync(all, { recursive: true });
  }
}

/** Names, versions and licences of the packages that the files at `paths` are of. */
function notice(paths) {
  const folders = new Set(paths.map((path) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]).filter(Boolean));
  const texts = new Map();
  for (const folder of [...folders].sort()) {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const text = readFileSync(join(folder, "LICENSE"), "utf8").trim();
    texts.set(text, [...(texts.get(text) ?? []), `${name} ${version} (${license})`]);
  }
  const parts = [...texts].map(([text, names]) => `${names.join("\n")}\n\n${text}\n`);
  return `telemetry.js contains parts of these packages, bundled and minified.\n\n${parts.join(`\n${"-".repeat(80)}\n\n`)}`;
}
