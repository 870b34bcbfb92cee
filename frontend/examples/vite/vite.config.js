import { defineConfig } from "vite";

// Passes the site's addresses on to the Django site, so that the browser sees one origin. The host stays as it is (with
// the plain `path: site` Vite would change it), so the site takes what comes from this app's pages for its own.
const site = process.env.RHESIS_SITE ?? "http://127.0.0.1:8000";
const paths = ["/v1", "/api", "/sign-in", "/sign-out", "/settings", "/static"];
const proxy = Object.fromEntries(paths.map((path) => [path, { target: site }]));

export default defineConfig({ server: { proxy }, preview: { proxy } });
