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

export const bundling = {
  absWorkingDir: root,
  bundle: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  plugins: [privateApi],
  legalComments: "none",
  logLevel: "warning",
};
