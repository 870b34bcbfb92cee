"""Report pages: the reports, filters and summary figures of each."""

from collections.abc import Callable
from dataclasses import dataclass

from analytics.show import figures, reports
from analytics.show.figures import Answers, Figure
from analytics.show.report import Report

EVERY_PAGE = frozenset({"deployment"})


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `summed` reports feed the figures and are not shown; `names` labels the filter by name."""

    name: str
    title: str
    description: str
    reports: tuple[Report, ...]
    figures: Callable[[Answers], list[Figure]]
    filters: frozenset[str] = EVERY_PAGE
    summed: tuple[Report, ...] = ()
    names: str = ""


PAGES = {
    page.name: page
    for page in (
        Page(
            "overview",
            "Overview",
            "Summary. Select a number for details.",
            (reports.OVERVIEW,),
            figures.of_overview,
            summed=(reports.PEOPLE_OF_RANGE,),
        ),
        Page(
            "people",
            "Active people",
            "People with at least one event, by day, week and month.",
            (reports.DAILY_PEOPLE, reports.WEEKLY_PEOPLE, reports.MONTHLY_PEOPLE),
            figures.of_people,
            summed=(reports.PEOPLE_OF_RANGE,),
        ),
        Page(
            "features",
            "Features",
            "Which features people use, and how.",
            (reports.FEATURE_ADOPTION, reports.FEATURE_ACTIONS),
            figures.of_features,
            filters=EVERY_PAGE | {"name"},
            names="Feature contains",
        ),
        Page(
            "endpoints",
            "Endpoints",
            "How fast the site answers requests, and how many fail.",
            (reports.ENDPOINT_PERFORMANCE,),
            figures.of_endpoints,
            filters=EVERY_PAGE | {"name", "method"},
            names="Endpoint contains",
        ),
        Page(
            "retention",
            "7-day retention",
            "How many people come back within seven days.",
            (reports.WEEKLY_RETENTION, reports.RETENTION),
            figures.of_retention,
        ),
        Page(
            "sessions",
            "Sign-ins and sessions",
            "How often people sign in and how long they stay.",
            (reports.SIGN_INS, reports.SESSIONS),
            figures.of_sessions,
        ),
        Page(
            "intake",
            "Data quality",
            "Every span, counted twice: by the site that records it and by the processor that stores it. These counts "
            "hold no deployment type and no people, because spans are counted unread.",
            (reports.SENT, reports.NOT_SENT, reports.RECEIVED, reports.REJECTED, reports.PARTS),
            figures.of_intake,
            filters=frozenset(),
        ),
    )
}
# Page of each report, by the report's name.
PAGE_OF = {report.name: page for page in PAGES.values() for report in (*page.summed, *page.reports)}
REPORTS = {report.name: report for page in PAGES.values() for report in (*page.summed, *page.reports)}
