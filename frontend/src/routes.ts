// Maps the path of a page to its route pattern. The path is used only in this file.
import { routes } from "./declared.js";

const OTHER = "other";

/**
 * The declared pattern that `path` matches, "other" if none does. One without placeholders comes first, then the last: the
 * catalogue is in that order.
 */
export function routeOf(path: string): string {
  const segments = split(path.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, "").split(/[?#]/, 1)[0]!);
  let best = OTHER;
  for (const route of routes()) {
    const parts = split(route);
    if (
      route.startsWith("/") &&
      parts.length === segments.length &&
      parts.every((part, place) => part.startsWith(":") || part === segments[place])
    ) {
      if (!route.includes(":")) return route;
      best = route;
    }
  }
  return best;
}

/** A slash more or less at either end makes no other page. */
function split(path: string): string[] {
  return path.split("/").filter(Boolean);
}
