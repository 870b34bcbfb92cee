// How the package is bundled, for browsers and for its tests alike.
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(fileURLToPath(import.meta.url));

// See src/private_api.ts. What it does not have comes from the package itself.
const privateApi = {
  name: "private api",
  setup(builder) {
    const standIn = resolve(root, "src/private_api.ts");
    builder.onResolve({ filter: /^@opentelemetry\/api$/ }, ({ importer }) =>
      importer === standIn ? undefined : { path: standIn },
    );
  },
};

// The provider makes one where no sampler is named, so a bundler cannot leave it out by itself.
const noDefaultSampler = {
  name: "no default sampler",
  setup(builder) {
    builder.onResolve({ filter: /\/ParentBasedSampler$/ }, () => ({ path: resolve(root, "src/unused_sampler.ts") }));
  },
};

export const bundling = {
  absWorkingDir: root,
  bundle: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  plugins: [privateApi, noDefaultSampler],
  legalComments: "none",
  logLevel: "warning",
};
