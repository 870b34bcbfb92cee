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

// The SDK names them, so a bundler cannot leave them out by itself.
const unused = {
  name: "unused parts of the SDK",
  setup(builder) {
    const names = /^\.\/(sampler\/ParentBasedSampler|TracerMetrics|inspect|logging-error-handler|default-service-name)$/;
    builder.onResolve({ filter: names }, ({ importer }) =>
      /@opentelemetry\/(sdk-trace|core|resources)\//.test(importer) ? { path: resolve(root, "src/unused.ts") } : undefined,
    );
  },
};

export const bundling = {
  absWorkingDir: root,
  bundle: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  plugins: [privateApi, unused],
  legalComments: "none",
  logLevel: "warning",
};
