"""Request headers that show whether a person sees the page, and whether they ask not to be tracked.

`is_looked_at` decides for the notice and for page views. A person sees a document that the browser navigates to, but
not what a script fetches, and perhaps never what is prefetched. A prefetched page that becomes visible later reports
that itself (`static/privacy/seen.js`).
"""

from django.http import HttpRequest

# Headers that mark a prefetch, in current and old browsers. They have no other use, so any value counts.
AHEAD = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")


def asks_not_to_be_tracked(request: HttpRequest) -> bool:
    """Global Privacy Control: the header `Sec-GPC: 1`."""
    return request.META.get("HTTP_SEC_GPC") == "1"


def is_looked_at(request: HttpRequest) -> bool:
    """Whether a person sees the response at once, provided it is a page."""
    return request.method in {"GET", "POST"} and not _is_prefetched(request) and _is_navigation(request)


def _is_prefetched(request: HttpRequest) -> bool:
    return any(request.headers.get(name, "").strip() for name in AHEAD)


def _is_navigation(request: HttpRequest) -> bool:
    """Whether the browser navigates a window to this address.

    Frames do not count, since this site forbids them. Old browsers, and all browsers over plain HTTP, send no
    destination; they list HTML in `Accept` when they navigate, but not when a script fetches.
    """
    destination = request.headers.get("Sec-Fetch-Dest", "").strip().lower()
    mode = request.headers.get("Sec-Fetch-Mode", "").strip().lower()
    if destination or mode:
        return destination in {"document", ""} and mode in {"navigate", ""}
    if "X-Requested-With" in request.headers:
        return False
    return "text/html" in request.headers.get("Accept", "text/html").lower()
