"""Plain sentences about one person's usage, for the privacy pages: of stored rows, and of spans in OTLP/JSON."""

from collections.abc import Iterator, Mapping
from typing import Any

from analytics.events import EVENTS
from analytics.show.formatting import duration, short
from analytics.vocabulary import EVENT_CATEGORY, METADATA_PREFIX, UNKNOWN_STATUS, Category

ACTIVITIES = {
    "login": "Signed in",
    "logout": "Signed out",
    "session_start": "Started a session",
    "session_end": "Ended a session",
    "erasure_requested": "Asked for deletion",
    "button_click": "Pressed a button",
}
# Features whose names are no noun with an article, and their actions.
FEATURES = {
    ("page_view", "viewed"): "Opened a page",
    ("privacy_settings", "viewed"): "Opened Settings → Privacy",
    ("privacy_settings", "downloaded"): "Downloaded what is stored about you",
    ("privacy_settings", "previewed"): "Read the preview of what is sent",
}
VERBS = {"viewed": "Opened", "run": "Ran"}


def of_row(row: Mapping[str, Any]) -> str:
    """Sentence about a stored row, such as "Created a test set, 25 tests"; `row` has the columns of its table."""
    if "endpoint" in row:
        return _request(row["status_code"], row["duration_ms"])
    what = _feature(row["feature_name"], row["action"]) if "feature_name" in row else _activity(row["event_type"])
    return ", ".join([what, *_details(row.get("metadata") or {})])


def of_preview(payload: Mapping[str, Any]) -> list[str]:
    """A sentence about each span of an OTLP/JSON payload, in its order."""
    return [of_row(row) for row in _rows(payload)]


def _rows(payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The spans as rows of their tables, with the columns that the sentences read."""
    for resource_spans in payload["resourceSpans"]:
        for scope_spans in resource_spans["scopeSpans"]:
            for span in scope_spans["spans"]:
                found = {each["key"]: next(iter(each["value"].values())) for each in span["attributes"]}
                kind = EVENTS[Category(found[EVENT_CATEGORY])]
                nanoseconds = int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])
                yield {
                    **{sent.column: found.get(sent.attribute) for sent in kind.sent.values()},
                    "duration_ms": nanoseconds / 1e6,
                    "metadata": {
                        key.removeprefix(METADATA_PREFIX): value
                        for key, value in found.items()
                        if key.startswith(METADATA_PREFIX)
                    },
                }


def _request(status_code: int | str, duration_ms: float) -> str:
    status, took = int(status_code), f"{short(round(duration_ms, 1))}\xa0ms"
    if status == UNKNOWN_STATUS:
        return f"Page failed after {took}"
    if status >= 500:
        return f"Page failed with status {status} after {took}"
    if status >= 400:
        return f"Page refused with status {status} in {took}"
    return f"Page answered in {took}"


def _activity(event_type: str) -> str:
    return ACTIVITIES.get(event_type) or _words(event_type).capitalize()


def _feature(name: str, action: str) -> str:
    if known := FEATURES.get((name, action)):
        return known
    article = "an" if name[0] in "aeiou" else "a"
    return f"{VERBS.get(action) or _words(action).capitalize()} {article} {_words(name)}"


def _details(metadata: Mapping[str, Any]) -> Iterator[str]:
    """The declared values: counts with their noun, durations, true flags and choices; no pseudonyms."""
    for key, value in metadata.items():
        if isinstance(value, bool):
            if value:
                yield _words(key)
        elif isinstance(value, int | float):
            if key.endswith("_count"):
                noun = _words(key.removesuffix("_count"))
                yield f"{value:,} {noun}{'' if value == 1 else 's'}"
            else:
                yield duration(value) if key.endswith("_s") else f"{_words(key)} {short(value)}"
        elif not key.endswith("_id") or key == "button_id":
            yield str(value) if key in {"route", "button_id"} else f"{_words(key)} {_words(str(value))}"


def _words(name: str) -> str:
    return name.replace("_", " ")
