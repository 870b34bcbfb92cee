import type { NextConfig } from "next";

// The Django site; the browser sees one origin, so the session's cookie goes along and nothing is cross-site.
const site = process.env.RHESIS_SITE ?? "http://127.0.0.1:8000";

const config: NextConfig = {
  outputFileTracingRoot: import.meta.dirname,
  async rewrites() {
    return [
      { source: "/v1/:path*", destination: `${site}/v1/:path*` },
      { source: "/api/:path*", destination: `${site}/api/:path*` },
    ];
  },
};

export default config;
