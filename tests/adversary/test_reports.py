"""An analyst who subtracts reports to find numbers that are hidden.

The auditor asks for every range of two weeks, of everybody and of each deployment type. For a hidden number of a day it
subtracts ranges that differ by that day, the other days of its week, and the parts of a sum; it guesses the mean and
the largest of what it gets, because noise that is not always the same averages out. It also runs against reports as
they were, with exact numbers and small ones hidden, which shows that its method works.

Half of the hidden numbers are the difference of no two shown ones. No report can keep anybody from guessing those,
because small groups are mostly of one or two people. So the test holds two things: of the differences at most one
in five is guessed, and all guesses together are no better than guessing each column's commonest number blindly.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import permutations
from math import sqrt
from statistics import fmean
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from analytics.show.pages import REPORTS
from analytics.show.question import Question, next_start, start_of
from analytics.show.report import noise_bound
from privacy.switches import DeploymentType
from tests.analytics.keep.rows import Stored, activity, execute, feature, request, rolled_up
from tests.analytics.show.oracle import few
from tests.analytics.show.rows import day

pytestmark = pytest.mark.django_db(databases="__all__")
DAYS, PEOPLE, SMALLEST = 14, 40, 5
# Report: column of its people, columns of what they did.
BY_NAME = {
    "feature_adoption": ("unique_users", ("total_uses",)),
    "feature_actions": ("unique_users", ("total_uses",)),
    "endpoint_performance": ("unique_users", ("requests", "errors")),
    "feature_together": ("unique_users", ()),
}
# Of the page of a single feature: the one that most people use.
NAMES = {"feature_together": "feature_0"}
PARTS = (None, *DeploymentType)
ALL, CLOUD, SELF_HOSTED = PARTS
NEWEST_AGO = 9  # the cohorts of these days are over


@dataclass(frozen=True)
class Cell:
    report: str
    column: str
    part: DeploymentType | None
    name: str
    first: date
    last: date

    @property
    def counts_people(self) -> bool:
        return self.column in {"unique_users", "active_people", "people_signed_in", "new_people", "returned"}


# None: hidden.
Answers = dict[Cell, int | None]


def everything_asked(days: list[date]) -> Answers:
    """Every number that the reports show, for every range, part and day."""
    found: Answers = {}
    ranges = [(first, last) for first in days for last in days if first <= last]
    for part in PARTS:
        for report, (people, events) in BY_NAME.items():
            for first, last in ranges:
                found |= _cells(report, part, Question(first, last, part, NAMES.get(report)), (people, *events))
        counted = ("active_people", "people_signed_in", "sign_ins", "new_people", "returned", "sessions")
        found |= _cells("overview", part, Question(days[0], days[-1], part), counted)
        for by in ("week", "month"):
            found |= _cells("overview_periods", part, Question(days[0], days[-1], part, by=by), counted)
    return found


def _cells(report: str, part: DeploymentType | None, question: Question, columns: tuple[str, ...]) -> Answers:
    shown = REPORTS[report]
    found: Answers = {}
    for row in shown.rows(question):
        values = dict(zip((column.name for column in shown.columns), row, strict=True))
        name = " ".join(str(values[key]) for key in ("feature_name", "action", "endpoint", "method") if key in values)
        first, last = (values["day"],) * 2 if "day" in values else (question.first, question.last)
        if "period" in values:
            first = values["period"]
            last = next_start(first, question.period) - timedelta(days=1)
        found |= {Cell(report, column, part, name, first, last): values[column] for column in columns}
    return found


@dataclass
class Audit:
    """`hidden` numbers of `days`, how many of them are `certain`, and how often each way of guessing was right.

    `told` hidden numbers are differences of shown ones. `numbers` counts the hidden numbers of each report and column.
    """

    days: list[date] = field(default_factory=list)
    hidden: int = 0
    certain: int = 0
    right: Counter[str] = field(default_factory=Counter)
    told: int = 0
    right_of_told: Counter[str] = field(default_factory=Counter)
    numbers: dict[tuple[str, str], Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    visible: int = 0
    within: int = 0

    @property
    def best(self) -> int:
        return max(self.right.values(), default=0)

    @property
    def best_of_told(self) -> int:
        return max(self.right_of_told.values(), default=0)

    @property
    def blind(self) -> int:
        """How often the commonest number of each report and column is right."""
        return sum(max(counts.values()) for counts in self.numbers.values())

    def __str__(self) -> str:
        return (
            f"{self.hidden} hidden numbers: {self.certain} certain, best guess right for {self.best}, blind guess for "
            f"{self.blind}; {self.told} are differences, of them {self.best_of_told} right; "
            f"{self.within} of {self.visible} shown numbers within the bound"
        )


def audit(audited: Audit, shown: Answers, true: Answers, *, most: int) -> None:
    for cell, number in true.items():
        if shown[cell] is not None:
            _judge_use(audited, cell, shown, true, most)
        elif number and cell.first == cell.last:
            audited.hidden += 1
            audited.numbers[cell.report, cell.column][number] += 1
            differences = [*_differences(cell, shown, audited.days)]
            audited.told += bool(differences)
            # A small group is hidden, and one that is small with its noise.
            least, largest = 1, SMALLEST - 1 + most if cell.counts_people else None
            if differences:
                least = max(
                    least, max(differences) - 2 * most if cell.counts_people else max(differences) // (1 + most)
                )
                guesses = {"mean": round(fmean(differences)), "largest": max(differences)}
                certain = most == 0 and len(set(differences)) == 1 and not cell.counts_people
                audited.certain += certain or least == largest
            else:
                guesses = dict.fromkeys(("mean", "largest"), 2)
            for way, guess in guesses.items():
                is_right = min(max(guess, least), largest or guess) == number
                audited.right[way] += is_right
                audited.right_of_told[way] += is_right and bool(differences)


def _differences(cell: Cell, shown: Answers, days: list[date]) -> Iterator[int]:
    """Differences of two shown numbers that would be the hidden number of one day if nothing had noise."""
    one = timedelta(days=1)

    def at(part: DeploymentType | None, first: date, last: date) -> int | None:
        return shown.get(Cell(cell.report, cell.column, part, cell.name, first, last))

    pairs = [(at(cell.part, first, cell.first), at(cell.part, first, cell.first - one)) for first in days]
    pairs += [(at(cell.part, cell.first, last), at(cell.part, cell.first + one, last)) for last in days]
    if cell.part is not None:
        other = CLOUD if cell.part is SELF_HOSTED else SELF_HOSTED
        pairs += [(at(ALL, cell.first, cell.last), at(other, cell.first, cell.last))]
    week = start_of(cell.first, "week")
    of_week = shown.get(Cell("overview_periods", cell.column, cell.part, cell.name, week, week + 6 * one))
    if cell.report == "overview" and of_week is not None:
        others = (week + number * one for number in range(7) if week + number * one != cell.first)
        pairs += [(of_week, sum(at(cell.part, each, each) or 0 for each in others))]
    yield from (more - less for more, less in pairs if more is not None and less is not None)


def _judge_use(audited: Audit, cell: Cell, shown: Answers, true: Answers, most: int) -> None:
    number, truly = shown[cell], true[cell]
    assert number is not None and truly is not None
    group = true[_people_of(cell, "people_signed_in")] or 1
    audited.visible += 1
    # Noise of days adds up, to about the square root of their number.
    of_events = most * max(1, truly / group) * sqrt((cell.last - cell.first).days + 1)
    audited.within += abs(number - truly) <= (most if cell.counts_people else of_events)


def _people_of(cell: Cell, of_overview: str) -> Cell:
    """The cell with the people of a number of events; `of_overview` is the column in reports without names."""
    people = BY_NAME[cell.report][0] if cell.report in BY_NAME else of_overview
    return replace(cell, column=people)


def as_it_was(true: Answers) -> Answers:
    """Exact numbers, and none about fewer people than the smallest group."""
    found: Answers = {}
    for cell, number in true.items():
        group = number if cell.counts_people else true[_people_of(cell, "active_people")]
        found[cell] = None if group is not None and 0 < group < SMALLEST else number
    return found


def population(seed: int) -> tuple[list[Stored], list[date]]:
    """Rows, and their days: a few of the people a day, some features rare, some people in both deployment types."""
    chance = random.Random(seed)
    rows: list[Stored] = []
    days_ago = [NEWEST_AGO + (DAYS + 7) * seed - number for number in range(DAYS)]
    for ago in days_ago:
        for who in range(PEOPLE * seed, PEOPLE * (seed + 1)):
            if chance.random() < 0.6:
                continue
            when, deployment = day(ago), "self_hosted" if who % 5 == 0 or chance.random() < 0.02 else "cloud"
            rows.append(activity(who, when, deployment=deployment, session=f"{who} {ago}"))
            for number, share in enumerate((0.5, 0.25, 0.1, 0.05)):
                for _ in range(chance.randrange(1, 4) if chance.random() < share else 0):
                    rows.append(feature(who, when, f"feature_{number}", deployment=deployment))
                    status = 500 if chance.random() < 0.2 else 200
                    rows.append(request(who, when, endpoint=f"/{number}/", status=status, deployment=deployment))
    return rows, [day(ago).date() for ago in days_ago]


@pytest.fixture(autouse=True)
def _one_noise() -> None:
    """The same in every run."""
    execute("UPDATE analytics_noise_key SET key = 'of this test'")
    execute("ALTER SEQUENCE analytics_person_number_seq RESTART")


def test_no_hidden_number_is_certain_and_few_are_guessed(settings: Settings) -> None:
    now, before = Audit(), Audit()
    for seed in (1, 2, 3):
        rows, now.days = population(seed)
        before.days = now.days
        rolled_up(rows)
        settings.TELEMETRY_SMALLEST_GROUP = "1"
        true = everything_asked(now.days)
        settings.TELEMETRY_SMALLEST_GROUP = str(SMALLEST)
        audit(now, everything_asked(now.days), true, most=noise_bound(SMALLEST))
        audit(before, as_it_was(true), true, most=0)

    assert before.certain > before.hidden * 0.3 and before.best > before.hidden * 0.5, str(before)
    assert now.hidden > 1000 and now.certain == 0, str(now)
    assert now.told > now.hidden * 0.4 and now.best_of_told <= now.told * 0.2, str(now)
    assert now.best <= now.blind and now.best <= now.hidden * 0.21, str(now)
    assert now.within >= now.visible * 0.7, str(now)


def test_few_guess_how_many_people_sign_in_on_so_many_days(settings: Settings) -> None:
    """Fewer than by naming the commonest of the hidden numbers, without a report."""
    most, told, right, right_before = noise_bound(SMALLEST), 0, 0, 0
    hidden: Counter[int] = Counter()
    for seed in range(1, 9):
        rows, days = population(seed)
        rolled_up(rows)
        for question in (Question(first, first + timedelta(days=6)) for first in days[:8]):
            found: dict[str, dict[Any, dict[str, int | None]]] = {}
            for smallest in ("1", str(SMALLEST)):
                settings.TELEMETRY_SMALLEST_GROUP = smallest
                found[smallest] = {part: _days_of(replace(question, deployment=part)) for part in PARTS}
            true, shown = found.values()
            before = {part: {key: few(n, SMALLEST) for key, n in numbers.items()} for part, numbers in true.items()}
            for part, key, number in ((part, key, n) for part, numbers in true.items() for key, n in numbers.items()):
                if key == "all" or not number or shown[part][key] is not None:
                    continue
                guesses, guesses_before = (_guesses(part, key, answers) for answers in (shown, before))
                if guesses:
                    told += 1
                    hidden[number] += 1
                    right += min(max(round(fmean(guesses)), 1), SMALLEST - 1 + most) == number
                right_before += bool(guesses_before) and round(fmean(guesses_before)) == number
    assert told > 50 and right <= max(hidden.values()), (told, right, hidden)
    assert right_before > told * 0.5, (told, right_before)


def _days_of(question: Question) -> dict[str, int | None]:
    """People by number of days with a sign-in, and all who signed in."""
    return dict(REPORTS["sign_in_days"].rows(question)) | {"all": REPORTS["people_of_range"].rows(question)[0][1]}


def _guesses(part: DeploymentType | None, key: str, shown: dict[Any, dict[str, int | None]]) -> list[int]:
    others = [number for name, number in shown[part].items() if name not in {"all", key}]
    pairs = [(shown[part]["all"], None if None in others else sum(number or 0 for number in others))]
    if part is not None:
        pairs += [(shown[ALL][key], shown[CLOUD if part is SELF_HOSTED else SELF_HOSTED][key])]
    return [more - less for more, less in pairs if more is not None and less is not None]


def test_few_guess_how_many_first_used_a_feature_in_a_week(settings: Settings) -> None:
    """All who have used it so far, less those up to the week before, are not the hidden number."""
    for seed in range(1, 6):
        rolled_up(population(seed)[0])
    most, told, right, right_before = noise_bound(SMALLEST), 0, 0, 0
    hidden: Counter[int] = Counter()
    for name in (f"feature_{number}" for number in range(4)):
        found = []
        for smallest in ("1", str(SMALLEST)):
            settings.TELEMETRY_SMALLEST_GROUP = smallest
            found.append({part: _adopted(name, part) for part in PARTS})
        true, shown = found
        before = {part: [(few(n, SMALLEST), few(all_, SMALLEST)) for n, all_ in weeks] for part, weeks in true.items()}
        for part, week in ((part, week) for part, weeks in true.items() for week in range(1, len(weeks))):
            number = true[part][week][0]
            if not number or shown[part][week][0] is not None:
                continue
            for answers in (shown, before):
                so_far, until = answers[part][week][1], answers[part][week - 1][1]
                if so_far is None or until is None:
                    continue
                if answers is before:
                    right_before += so_far - until == number
                    continue
                told += 1
                hidden[number] += 1
                right += min(max(so_far - until, 1), SMALLEST - 1 + most) == number
    assert told > 30 and right <= max(*hidden.values(), told * 0.2), (told, right, hidden)
    assert right_before > told * 0.8, (told, right_before)


def _adopted(name: str, part: DeploymentType | None) -> list[tuple[int | None, int | None]]:
    """People who first used the feature, and all so far, of each week."""
    asked = Question(day(200).date(), day(0).date(), part, name)
    return [(people, so_far) for _, _, people, so_far, *_ in REPORTS["feature_adopted"].rows(asked)]


def test_few_guess_how_many_people_take_a_step(settings: Settings) -> None:
    """The auditor asks every funnel of two and three steps, and subtracts.

    It subtracts the number of one deployment type from everybody's, and those who took two steps in the other order
    from those who took both.
    """
    most, names = noise_bound(SMALLEST), [f"feature_usage.feature_{number}" for number in range(4)]
    told, right, certain, right_before = 0, Counter[str](), 0, 0
    hidden: Counter[int] = Counter()
    for seed in range(1, 5):
        rows, days = population(seed)
        chance = random.Random(seed)
        for row in rows:
            row.timestamp += timedelta(minutes=chance.randrange(300))
        rolled_up(rows)
        asked = [
            Question(days[start], days[start] + timedelta(days=6), part, steps=steps, within=within)
            for start in (0, 7)
            for steps in (*permutations(names, 2), *permutations(names, 3))
            for within in ("1h", "7d")
            for part in PARTS
        ]
        settings.TELEMETRY_SMALLEST_GROUP = "1"
        true = {question: _people_of_steps(question) for question in asked}
        settings.TELEMETRY_SMALLEST_GROUP = str(SMALLEST)
        shown = {question: _people_of_steps(question) for question in asked}
        together = {each: _together(each) for each in asked if len(each.steps) == 2}
        before = {question: [few(number, SMALLEST) for number in numbers] for question, numbers in true.items()}
        for numbers in shown.values():
            assert numbers == sorted(numbers, key=lambda each: -(each or 0)), "never more than the step before"
        for question, place in ((each, place) for each in asked for place in range(1, len(each.steps))):
            number = true[question][place]
            assert number is not None
            guess_before = _of_other_parts(question, place, before)
            right_before += before[question][place] is None and guess_before == number
            if shown[question][place] is not None:
                continue
            guesses = {"parts": _of_other_parts(question, place, shown)}
            if question.within == "7d" and (both := together.get(question)) is not None:
                back = shown[replace(question, steps=question.steps[::-1])][1]
                guesses["way back"] = None if back is None else both - back
            known = {way: guess for way, guess in guesses.items() if guess is not None}
            if known:
                told += 1
                hidden[number] += 1
                # Nobody is hidden, too.
                bounded = {way: min(max(guess, 0), SMALLEST - 1 + most) for way, guess in known.items()}
                right.update(way for way, guess in bounded.items() if guess == number)
                certain += max(known.values()) - 2 * most >= SMALLEST - 1 + most
    assert told > 100 and certain == 0 and max(right.values()) <= max(hidden.values()), (told, right, hidden, certain)
    assert right_before > 50, (told, right_before)


def _people_of_steps(question: Question) -> list[int | None]:
    return [people for _, _, people, *_ in REPORTS["funnel"].rows(question)]


def _together(question: Question) -> int | None:
    """People who took both steps in the range, in any order."""
    one, other = (step.rpartition(".")[2] for step in question.steps)
    rows = REPORTS["feature_together"].rows(replace(question, steps=(), name=one))
    return {name: people for name, people, _ in rows}.get(other)


def _of_other_parts(question: Question, place: int, shown: dict[Question, list[int | None]]) -> int | None:
    """A guess at the number: the sum of both deployment types, or everybody less the other type."""
    one, other = (shown[replace(question, deployment=part)][place] for part in PARTS if part is not question.deployment)
    if one is None or other is None:
        return None
    return one + other if question.deployment is None else one - other


def test_views_answer_as_reports_do(settings: Settings) -> None:
    """Otherwise the mean of both would be nearer to the truth."""
    rows, days = population(1)
    rolled_up(rows)
    settings.TELEMETRY_SMALLEST_GROUP = str(SMALLEST)
    execute("UPDATE analytics_view_threshold SET smallest_group = %s", [SMALLEST])
    shown = everything_asked(days)

    def agree(view: str, report: str, name: str, columns: dict[str, str]) -> int:
        seen = execute(f"SELECT day, deployment_type, {name}, {', '.join(columns)} FROM analytics_report_{view}")
        for when, deployment, called, *numbers in seen:
            for column, number in zip(columns.values(), numbers, strict=True):
                cell = Cell(report, column, DeploymentType(deployment), called, when, when)
                assert shown[cell] == number, cell
        return len(seen)

    assert agree(
        "active_people", "overview", "''", {"active_people": "active_people", "people_signed_in": "people_signed_in"}
    )
    assert agree("sign_ins", "overview", "''", {"sign_ins": "sign_ins", "people": "people_signed_in"})
    assert agree("sessions", "overview", "''", {"sessions": "sessions"})
    uses = {"unique_users": "unique_users", "total_uses": "total_uses"}
    assert agree("feature_adoption", "feature_adoption", "feature_name", uses)
    requests = {"unique_users": "unique_users", "requests": "requests", "errors": "errors"}
    assert agree("endpoint_performance", "endpoint_performance", "endpoint || ' ' || method", requests)
