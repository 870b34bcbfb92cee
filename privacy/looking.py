"""What a browser says of a request: whether the page is looked at, and whether its person wants to be tracked.

`is_looked_at` decides for everything that counts looks: the notice, views of pages. A document that a browser navigates
to goes before a person's eyes; what a script fetches does not, and what is fetched ahead may never. A page that was
fetched ahead and is looked at later tells the site itself (`static/site/seen.js`).
"""

from django.http import HttpRequest

# Names under which browsers say that they fetch ahead, old ones included. They have no other use, so any value counts.
AHEAD = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")


def asks_not_to_be_tracked(request: HttpRequest) -> bool:
    """Global Privacy Control: the header `Sec-GPC: 1`."""
    return request.META.get("HTTP_SEC_GPC") == "1"


def is_looked_at(request: HttpRequest) -> bool:
    """Whether the answer to `request` goes before a person's eyes at once, if it is a page."""
    return request.method in {"GET", "POST"} and not is_fetched_ahead(request) and _is_navigation(request)


def is_fetched_ahead(request: HttpRequest) -> bool:
    return any(request.headers.get(name, "").strip() for name in AHEAD)


def _is_navigation(request: HttpRequest) -> bool:
    """Whether the browser navigates a window to it.

    Frames do not count: this site forbids them. Browsers that say nothing of destinations (old ones, and all over plain
    HTTP) name HTML among what they accept when they navigate, and everything alike when a script asks.
    """
    destination = request.headers.get("Sec-Fetch-Dest", "").strip().lower()
    mode = request.headers.get("Sec-Fetch-Mode", "").strip().lower()
    if destination or mode:
        return destination in {"document", ""} and mode in {"navigate", ""}
    if "X-Requested-With" in request.headers:
        return False
    return "text/html" in request.headers.get("Accept", "text/html").lower()
