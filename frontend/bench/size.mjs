// Bundles our package and the stock one in the same way and prints their sizes in bytes, as JSON.
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { bundling } from "../bundling.mjs";

async function sizeOf(entryPoint, plugins) {
  const { outputFiles } = await build({ ...bundling, plugins, entryPoints: [entryPoint], minify: true, write: false });
  const [{ contents }] = outputFiles;
  return { raw: contents.length, gzip: gzipSync(contents, { level: 9 }).length };
}

const sizes = {
  loader: await sizeOf("src/site.ts", bundling.plugins),
  ours: await sizeOf("src/index.ts", bundling.plugins),
  stock: await sizeOf("bench/stock.ts", []),
};
console.log(JSON.stringify(sizes));
