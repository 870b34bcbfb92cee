import type { NextConfig } from "next";

const config: NextConfig = {
  outputFileTracingRoot: import.meta.dirname,
  // The site's own pages, which proxy.ts passes on, end in a slash.
  skipTrailingSlashRedirect: true,
};

export default config;
