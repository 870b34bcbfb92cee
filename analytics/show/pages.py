"""The pages of reports: which reports stand on each, which filters it has, and what sums it up."""

from collections.abc import Callable
from dataclasses import dataclass

from analytics.show import figures, reports
from analytics.show.figures import Answers, Figure
from analytics.show.report import Report

EVERY_PAGE = frozenset({"deployment"})


@dataclass(frozen=True, slots=True)
class Page:
    """`summed` are reports that only its figures are made of. `names` is what the filter by name looks for."""

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
            "What the reports say together. Each number leads to the report it is from.",
            (reports.OVERVIEW,),
            figures.of_overview,
            summed=(reports.PEOPLE_OF_RANGE,),
        ),
        Page(
            "people",
            "Active people",
            "How many people were active, by day, week and month: everybody of whom there is any event.",
            (reports.DAILY_PEOPLE, reports.WEEKLY_PEOPLE, reports.MONTHLY_PEOPLE),
            figures.of_people,
            summed=(reports.PEOPLE_OF_RANGE,),
        ),
        Page(
            "features",
            "Features",
            "Which features people use, and what for.",
            (reports.FEATURE_ADOPTION, reports.FEATURE_ACTIONS),
            figures.of_features,
            filters=EVERY_PAGE | {"name"},
            names="Feature contains",
        ),
        Page(
            "endpoints",
            "Endpoints",
            "How fast requests are answered, and how many fail.",
            (reports.ENDPOINT_PERFORMANCE,),
            figures.of_endpoints,
            filters=EVERY_PAGE | {"name", "method"},
            names="Endpoint contains",
        ),
        Page(
            "retention",
            "7-day retention",
            "Whether people come back.",
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
            "What came in",
            "What became of every span, on the site that records it and at the processor that stores it. Spans are "
            "counted before anyone looks into them, so there is no deployment to choose, and no people.",
            (reports.SENT, reports.NOT_SENT, reports.RECEIVED, reports.REJECTED, reports.PARTS),
            figures.of_intake,
            filters=frozenset(),
        ),
    )
}
# The page each report stands on.
PAGE_OF = {report.name: page for page in PAGES.values() for report in (*page.summed, *page.reports)}
REPORTS = {report.name: report for page in PAGES.values() for report in (*page.summed, *page.reports)}
