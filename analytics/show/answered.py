"""Rows and figures of a report page, with those of the days before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from analytics.show.figures import Answers, Compared, compared
from analytics.show.pages import Page
from analytics.show.question import Question
from analytics.show.report import Report, Row


@dataclass(frozen=True, slots=True)
class Answered:
    """The answers to one question.

    Days that are not over are shown, but not compared with days that are: `over` and `over_before` leave them out.
    Reports that are not compared are sure to be in `now` only.
    """

    now: Answers
    before: Answers
    over: Answers
    over_before: Answers
    figures: list[Compared]


def answered(page: Page, question: Question, today: date) -> Answered:
    """Query all reports of a page. Raises Unanswerable."""
    every = (*page.summed, *page.reports)
    compared_ones = [report for report in every if report.compared]
    days_over = question.until(today - timedelta(days=1))
    now: Answers = {report.name: report.rows(question) for report in every}
    # Where days are left out, the whole of the days before is only drawn, or has lines to pick from.
    before: Answers = {
        report.name: report.rows(question.before)
        for report in compared_ones
        if days_over == question or report.drawings or _has_days(report)
    }
    over, over_before = now, before
    if days_over != question:
        over = {report.name: _up_to(report, now[report.name], days_over) for report in compared_ones}
        over_before = {
            report.name: _up_to(report, before.get(report.name, []), days_over.before) for report in compared_ones
        }
    figures = [
        compared(*each, comparable=question.first < today)
        for each in zip(*(page.figures(answers) for answers in (now, over, over_before)), strict=True)
    ]
    return Answered(now, before, over, over_before, figures)


def _has_days(report: Report) -> bool:
    return any(column.kind == "day" for column in report.columns)


def _up_to(report: Report, rows: Sequence[Row], question: Question) -> Sequence[Row]:
    """Rows of the shorter question, picked from those of a longer one where they have a day, or a week's first."""
    for index, column in enumerate(report.columns):
        if column.kind == "day":
            return [row for row in rows if row[index] <= question.last]
    return report.rows(question)
