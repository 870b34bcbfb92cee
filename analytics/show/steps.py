"""Steps of a funnel: features, their actions and activities, named as in the catalogue.

`user_activity.login`, `feature_usage.test_run` (any action), `feature_usage.test_run.created`. The action of a page
view is its page: `feature_usage.page_view./pricing`.
"""

from collections.abc import Sequence
from datetime import timedelta
from itertools import chain

from analytics.catalogue import PAGE_ROUTE, PAGE_VIEW, Declaration, current_catalogue
from analytics.vocabulary import ERASURE_REQUESTED, Category

FEWEST_STEPS, MOST_STEPS = 2, 8
# Few, for the reason that ranges of people are few: each window is one more number about nearly the same people.
WINDOWS = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "1d": timedelta(days=1),
    "3d": timedelta(days=3),
    "7d": timedelta(days=7),
    "14d": timedelta(days=14),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
DEFAULT_WINDOW = "7d"


def choices() -> dict[str, list[tuple[str, str]]]:
    """Steps and their labels by group: activities, then each feature with its actions."""
    catalogue = current_catalogue()
    activities = [
        (f"{event.category}.{event.name}", event.name)
        for event in catalogue.of(Category.USER_ACTIVITY)
        if event.name != ERASURE_REQUESTED  # makes no row
    ]
    features = {event.name: _of_feature(event) for event in catalogue.of(Category.FEATURE_USAGE)}
    return {"Activities": activities} | dict(sorted(features.items()))


def _of_feature(event: Declaration) -> list[tuple[str, str]]:
    actions = event.actions
    if (event.category, event.name) == PAGE_VIEW and PAGE_ROUTE in event.fields:
        actions |= event.fields[PAGE_ROUTE].choices
    step = f"{event.category}.{event.name}"
    return [(step, event.name), *((f"{step}.{action}", f"{event.name} {action}") for action in sorted(actions))]


def problem_of(steps: Sequence[str], within: str) -> str:
    """Why there is no funnel of these steps, and what to change; empty if there is one, or no step at all."""
    if within not in WINDOWS:
        return f"The window must be one of {', '.join(WINDOWS)}: hours or days from the first step."
    if not steps:
        return ""
    if not FEWEST_STEPS <= len(steps) <= MOST_STEPS:
        return (
            f"A funnel has {FEWEST_STEPS} to {MOST_STEPS} steps, and this one has {len(steps)}. "
            f"Choose {'more' if len(steps) < FEWEST_STEPS else 'fewer'}."
        )
    known = {step for step, _ in chain.from_iterable(choices().values())}
    for number, step in enumerate(steps, start=1):
        if step not in known:
            return (
                f"Step {number} is not in the catalogue. "
                "Write it as user_activity.login, feature_usage.NAME or feature_usage.NAME.ACTION."
            )
        if step in steps[: number - 1]:
            return f"Step {number} repeats an earlier step. Choose another."
    return ""
