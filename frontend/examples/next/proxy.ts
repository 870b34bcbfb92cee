// Passes the site's addresses on to the Django site, so that the browser sees one origin: the session's cookie is this
// host's, and nothing is cross-site.
import { NextResponse, type NextRequest } from "next/server";

const SITE = process.env.RHESIS_SITE ?? "http://127.0.0.1:8000";

export const config = {
  matcher: ["/v1/:path*", "/api/:path*", "/sign-in/:path*", "/sign-out/:path*", "/settings/:path*", "/static/:path*"],
};

export function proxy(request: NextRequest): NextResponse {
  const headers = new Headers(request.headers);
  // The site takes changes from pages of its own origin only. What comes from a page of ours is one of those; what comes
  // from elsewhere keeps its origin, and the site refuses it.
  if (isOurs(headers.get("origin"), headers.get("host"))) headers.set("origin", new URL(SITE).origin);
  const { pathname, search } = new URL(request.url);
  return NextResponse.rewrite(new URL(pathname + search, SITE), { request: { headers } });
}

function isOurs(origin: string | null, host: string | null): boolean {
  try {
    return origin !== null && new URL(origin).host === host;
  } catch {
    return false; // "null", from a page without an origin
  }
}
