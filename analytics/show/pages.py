"""Report pages: the reports, filters and summary figures of each."""

from collections.abc import Callable
from dataclasses import dataclass

from analytics.show import figures, reports
from analytics.show.figures import Answers, Figure
from analytics.show.report import Report

EVERY_PAGE = frozenset({"deployment", "sort"})


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `summed` reports feed the figures and are not shown; `names` labels the filter by name.

    `periods` takes the place of the first report where weeks or months are drawn. A page of a single feature or
    endpoint, which is the question's name, is `within` the page of this name.
    """

    name: str
    title: str
    description: str
    reports: tuple[Report, ...]
    figures: Callable[[Answers], list[Figure]]
    filters: frozenset[str] = EVERY_PAGE
    summed: tuple[Report, ...] = ()
    names: str = ""
    within: str = ""
    periods: Report | None = None

    @property
    def every_report(self) -> tuple[Report, ...]:
        return (*self.summed, *self.reports, *((self.periods,) if self.periods else ()))


PAGES = {
    page.name: page
    for page in (
        Page(
            "overview",
            "Overview",
            "Select a number to draw it.",
            (reports.OVERVIEW,),
            figures.of_overview,
            filters=EVERY_PAGE | {"measure", "by"},
            periods=reports.OVERVIEW_PERIODS,
            summed=(reports.PEOPLE_OF_RANGE, reports.RESPONSE_TIME),
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
            "feature",
            "Feature",
            "How many people use the feature, how, and for how long.",
            (
                reports.FEATURE_DAYS,
                reports.FEATURE_ADOPTED,
                reports.FEATURE_KEPT,
                reports.FEATURE_TOGETHER,
                reports.ACTIONS_OF_FEATURE,
            ),
            figures.of_feature,
            filters=EVERY_PAGE | {"name"},
            summed=(reports.FEATURE_TOTAL,),
            names="Feature",
            within="features",
        ),
        Page(
            "endpoint",
            "Endpoint",
            "How many requests the endpoint answers, how fast, and how many fail.",
            (reports.ENDPOINT_DAYS,),
            figures.of_endpoint,
            filters=EVERY_PAGE | {"name", "method"},
            summed=(reports.ENDPOINT_TOTAL,),
            names="Endpoint",
            within="endpoints",
        ),
        Page(
            "funnel",
            "Funnels",
            "Where people stop on the way from one step to another.",
            (reports.FUNNEL,),
            figures.of_nothing,
            filters=EVERY_PAGE | {"step", "within"},
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
            (reports.SIGN_INS, reports.SIGN_IN_DAYS, reports.DAILY_OVER_MONTHLY, reports.SESSIONS),
            figures.of_sessions,
        ),
        Page(
            "consent",
            "Consent",
            "Who was asked, and what they chose. The other pages are about people who share. They may use the product "
            "differently from those who refuse, who have not decided or whose organization refuses, so their share is "
            "no sample of all people.",
            (reports.CONSENT, reports.CONSENT_BY_NOTICE),
            figures.of_consent,
            filters=frozenset({"sort"}),
        ),
        Page(
            "intake",
            "Data quality",
            "Every span, counted twice: by the site that records it and by the processor that stores it. These counts "
            "hold no deployment type and no people, because spans are counted unread.",
            (reports.SENT, reports.NOT_SENT, reports.RECEIVED, reports.REJECTED, reports.PARTS),
            figures.of_intake,
            filters=frozenset({"sort"}),
        ),
    )
}
# Page of each report, by the report's name.
PAGE_OF = {report.name: page for page in PAGES.values() for report in page.every_report}
REPORTS = {report.name: report for page in PAGES.values() for report in page.every_report}
