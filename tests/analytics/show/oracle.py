"""What every number of the reports and views should be: plain Python on rows, which shares no SQL with them.

`Oracle` is told what happens (rows stored, people erased, days closed) and keeps the rows in lists. What a closed day
came to is remembered as it was when it was closed, because its rows go.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from statistics import fmean
from typing import Any
from uuid import UUID

from analytics.models import EndpointUsage, FeatureUsage, UserActivity
from analytics.show.question import Question
from analytics.show.steps import WINDOWS
from tests.analytics.keep.rows import Stored

Rows = list[tuple[Any, ...]]
# Day, outcome, reason, spans.
Tally = list[tuple[date, str, str, int]]
EVERYWHERE = "all"
DEPLOYMENTS = ("cloud", "self_hosted")
ONE_DAY = timedelta(days=1)


def day_of(row: Stored) -> date:
    return row.timestamp.date()


def people(rows: Iterable[Stored]) -> set[UUID]:
    return {row.user_id for row in rows}


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def week_name(first_day: date) -> str:
    year, week, _ = first_day.isocalendar()
    return f"{year}-W{week:02}"


def is_error(row: EndpointUsage) -> bool:
    return not row.status_code or row.status_code >= 500


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    rank = share * (len(ordered) - 1)
    low = int(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (rank - low) * (ordered[high] - ordered[low])


class Oracle:
    """`rows` are those that count: of open days as they are, of closed days as they were."""

    def __init__(self) -> None:
        self.rows: list[Stored] = []
        self.first_open = date.min
        self.asked: dict[UUID, datetime] = {}
        self.ingest: Tally = []  # without parts, which stand beside the balance
        self.by_sender: list[tuple[date, str, str, str, int]] = []
        self.export: Tally = []
        # Deployment and person, of days that are closed.
        self._earlier: set[tuple[str, UUID]] = set()
        self._closed_cohorts: dict[tuple[date, str], tuple[int, list[int], int]] = {}
        self._closed_months: dict[tuple[date, str], tuple[int, int]] = {}

    # What happens.

    def store(self, rows: Iterable[Stored]) -> int:
        """How many rows are stored: those of people who have asked for deletion since are not. Closed days stay."""
        kept = [row for row in rows if row.user_id not in self.asked or row.timestamp > self.asked[row.user_id]]
        self.rows += [row for row in kept if day_of(row) >= self.first_open]
        return len(kept)

    def erase(self, who: UUID, until: datetime) -> None:
        self.asked[who] = max(until, self.asked.get(who, until))
        self.rows = [
            row for row in self.rows if row.user_id != who or row.timestamp > until or day_of(row) < self.first_open
        ]
        self._earlier -= {(deployment, who) for deployment in DEPLOYMENTS}

    def rolled_up(self) -> None:
        """Who is in no open day is forgotten, and new when they come back."""
        present = people(self._open_rows())
        self._earlier = {(deployment, who) for deployment, who in self._earlier if who in present}

    def close(self, before: date) -> None:
        """After everything was rolled up."""
        closing = [row for row in self._open_rows() if day_of(row) < before]
        days = {day_of(row) for row in closing}
        for deployment in (*DEPLOYMENTS, EVERYWHERE):
            cohorts = self._open_cohorts(deployment)
            self._closed_cohorts |= {(day, deployment): (cohorts[day]) for day in days if day in cohorts}
            months = {day.replace(day=1) for day in [*days, before - ONE_DAY]}
            for month in months:
                if month >= self.first_open and month < before:
                    self._closed_months[month, deployment] = self._people_of_month(month, deployment)
        self._earlier |= {(row.deployment_type, row.user_id) for row in closing}
        self.first_open = before
        self.rolled_up()

    # What rows come to.

    def _open_rows(self) -> list[Stored]:
        return [row for row in self.rows if day_of(row) >= self.first_open]

    def _of(self, deployment: str | None, rows: Iterable[Stored] | None = None) -> list[Stored]:
        rows = self.rows if rows is None else rows
        return [row for row in rows if deployment in {None, EVERYWHERE, row.deployment_type}]

    def _open_cohorts(self, deployment: str) -> dict[date, tuple[int, list[int], int]]:
        """By first day: people, how many came on each of the seven days after, and how many on any."""
        days: dict[UUID, set[date]] = defaultdict(set)
        for row in self._of(deployment, self._open_rows()):
            days[row.user_id].add(day_of(row))
        known = {who for where, who in self._earlier if deployment in {EVERYWHERE, where}}
        cohorts: dict[date, list[set[int]]] = defaultdict(list)
        for who, came in days.items():
            if who not in known:
                first = min(came)
                cohorts[first].append({(day - first).days for day in came} & set(range(1, 8)))
        return {
            first: (len(each), [sum(day in came for came in each) for day in range(1, 8)], sum(map(bool, each)))
            for first, each in cohorts.items()
        }

    def cohorts(self, deployment: str) -> dict[date, tuple[int, list[int], int]]:
        closed = {first: cohort for (first, where), cohort in self._closed_cohorts.items() if where == deployment}
        return closed | self._open_cohorts(deployment)

    def _people_of_month(self, month: date, deployment: str) -> tuple[int, int]:
        rows = [row for row in self._of(deployment) if day_of(row).replace(day=1) == month]
        return len(people(rows)), len(people(logins(rows)))

    def people_of_month(self, month: date, deployment: str) -> tuple[int, int]:
        """Active, and signed in. A month of which a day is closed stays as it was when that was closed."""
        if month < self.first_open:
            return self._closed_months.get((month, deployment), (0, 0))
        return self._people_of_month(month, deployment)

    # Reports, by name; each answers rows in the report's own order.

    def report(self, name: str, question: Question, now: datetime) -> Rows:
        answer: Callable[[Question, date], Rows] | None = getattr(self, f"_report_{name}", None)
        assert answer is not None, f"write Oracle._report_{name}: the report's rows, in plain Python from the raw rows"
        return answer(question, now.date())

    def _in(self, question: Question) -> list[Stored]:
        return [row for row in self._of(question.deployment) if question.first <= day_of(row) <= question.last]

    def _parts(self, rows: list[Stored]) -> tuple[int, int, int]:
        cloud, self_hosted = (len(people(self._of(deployment, rows))) for deployment in DEPLOYMENTS)
        return cloud, self_hosted, len(people(rows))

    def _report_active_people(self, question: Question, _: date) -> Rows:
        rows = self._in(question)
        return [(day, *self._parts([row for row in rows if day_of(row) == day])) for day in days_of(question)]

    def _report_people_of_range(self, question: Question, _: date) -> Rows:
        if question.first < self.first_open:
            return [(None, None)]
        rows = self._in(question)
        return [(len(people(rows)), len(people(logins(rows))))]

    def _report_weekly_people(self, question: Question, _: date) -> Rows:
        rows, found = self._of(question.deployment), []
        for first in dict.fromkeys(map(monday, days_of(question))):
            of_week = [row for row in rows if monday(day_of(row)) == first]
            parts = self._parts(of_week) if first >= self.first_open else (None, None, None)
            found.append((week_name(first), first, *parts))
        return found

    def _report_monthly_people(self, question: Question, _: date) -> Rows:
        found: Rows = []
        for month in dict.fromkeys(day.replace(day=1) for day in days_of(question)):
            parts = [
                self.people_of_month(month, deployment)[0] if question.deployment in {None, deployment} else 0
                for deployment in DEPLOYMENTS
            ]
            found.append((f"{month:%Y-%m}", *parts, self.people_of_month(month, question.deployment or EVERYWHERE)[0]))
        return found

    def _named(self, question: Question, rows: Iterable[Stored], name: Callable[[Any], tuple[str, ...]]) -> Rows:
        """Name, people (None where they are not known any more) and number of rows."""
        found: dict[tuple[str, ...], list[Stored]] = defaultdict(list)
        for row in rows:
            if (question.name or "").lower() in name(row)[0].lower():
                found[name(row)].append(row)
        known = question.first >= self.first_open
        return [(*key, len(people(each)) if known else None, len(each)) for key, each in found.items()]

    def _report_feature_adoption(self, question: Question, _: date) -> Rows:
        rows = self._named(question, features(self._in(question)), lambda row: (row.feature_name,))
        return sorted(rows, key=lambda row: (-(row[1] or 0), -row[2], row[0]))

    def _report_feature_actions(self, question: Question, _: date) -> Rows:
        rows = self._named(question, features(self._in(question)), lambda row: (row.feature_name, action_of(row)))
        return sorted(rows, key=lambda row: (row[0], -row[3], row[1]))

    def _report_endpoint_performance(self, question: Question, _: date) -> Rows:
        rows = [row for row in requests(self._in(question)) if question.method in {None, row.method}]
        found = []
        for endpoint, method, unique, number in self._named(question, rows, lambda row: (row.endpoint, row.method)):
            each = [row for row in rows if (row.endpoint, row.method) == (endpoint, method)]
            times = [row.duration_ms for row in each]
            errors = sum(map(is_error, each))
            shares = (percentile(times, share) for share in (0.5, 0.95, 0.99))
            found.append((endpoint, method, number, fmean(times), *shares, errors, 100 * errors / number, unique))
        return sorted(found, key=lambda row: (-row[2], row[0], row[1]))

    # The pages of a feature and of an endpoint have these, too, without the names that only contain theirs.

    def _report_feature(self, question: Question, today: date) -> Rows:
        return [row for row in self._report_feature_adoption(question, today) if row[0] == question.name]

    def _report_actions_of_feature(self, question: Question, today: date) -> Rows:
        return [row for row in self._report_feature_actions(question, today) if row[0] == question.name]

    def _report_endpoint(self, question: Question, today: date) -> Rows:
        return [row for row in self._report_endpoint_performance(question, today) if row[0] == question.name]

    def _report_feature_days(self, question: Question, _: date) -> Rows:
        if not question.name:
            return []
        rows = [row for row in features(self._in(question)) if row.feature_name == question.name]
        found: Rows = []
        for day in days_of(question):
            each = [row for row in rows if day_of(row) == day]
            found.append((day, None if each and day < self.first_open else len(people(each)), len(each)))
        return found

    def _report_funnel(self, question: Question, _: date) -> Rows:
        """Every start of everybody is followed to the first next step, then the first one after that, and so on."""
        moments: dict[UUID, dict[str, list[datetime]]] = defaultdict(lambda: defaultdict(list))
        for row in self._in(question):
            for step in steps_of(row):
                moments[row.user_id][step].append(row.timestamp)
        reached: Counter[int] = Counter()
        for of_person in moments.values():
            furthest = 0
            for start in of_person[question.steps[0]] if question.steps else []:
                at, done = start, 1
                for step in question.steps[1:]:
                    later = [when for when in of_person[step] if at < when <= start + WINDOWS[question.within]]
                    if not later:
                        break
                    at, done = min(later), done + 1
                furthest = max(furthest, done)
            reached.update(range(1, furthest + 1))
        if question.first < self.first_open:
            return [(str(place), step, None, None, None) for place, step in enumerate(question.steps, start=1)]
        found: Rows = []
        for place, step in enumerate(question.steps, start=1):
            of_first, of_previous = (
                100 * reached[place] / reached[other] if reached[other] else None for other in (1, place - 1)
            )
            found.append((str(place), step, reached[place], of_first, of_previous))
        return found

    def _report_feature_together(self, question: Question, _: date) -> Rows:
        by_name: dict[str, set[UUID]] = defaultdict(set)
        for row in features(self._in(question)):
            if day_of(row) >= self.first_open:
                by_name[row.feature_name].add(row.user_id)
        mine = by_name.pop(question.name or "", set())
        both = {name: len(mine & users) for name, users in by_name.items() if mine & users}
        known = question.first >= self.first_open
        return sorted(
            (
                (name, number if known else None, 100 * number / len(mine) if known else None)
                for name, number in both.items()
            ),
            key=lambda line: (-(line[1] or 0), line[0]),
        )

    def _report_feature_adopted(self, question: Question, today: date) -> Rows:
        active: dict[date, set[UUID]] = defaultdict(set)
        used: dict[date, set[UUID]] = defaultdict(set)
        rows = self._of(question.deployment, self._open_rows())
        for row in rows:
            active[monday(day_of(row))].add(row.user_id)
        for row in features(rows):
            if row.feature_name == question.name:
                used[monday(day_of(row))].add(row.user_id)
        found: Rows = []
        for week in dict.fromkeys(map(monday, days_of(question))):
            earlier = {who for first, users in used.items() if first < week for who in users}
            now = used.get(week, set())
            if now | earlier and week >= self.first_open and today >= week + timedelta(days=7):
                of_week = active.get(week, set())
                share = 100 * len(now) / len(of_week) if of_week else None
                found.append((week_name(week), week, len(now - earlier), len(now | earlier), len(now), share))
        return found

    def _report_feature_kept(self, question: Question, today: date) -> Rows:
        weeks: dict[UUID, set[date]] = defaultdict(set)
        for row in features(self._of(question.deployment, self._open_rows())):
            if row.feature_name == question.name:
                weeks[row.user_id].add(monday(day_of(row)))
        cohorts: dict[date, list[set[date]]] = defaultdict(list)
        for used in weeks.values():
            cohorts[min(used)].append(used)
        return [
            (
                week_name(first),
                first,
                len(cohort),
                *(
                    sum(first + timedelta(weeks=later) in used for used in cohort)
                    if today >= first + timedelta(weeks=later + 1)
                    else None
                    for later in (1, 4, 12)
                ),
            )
            for first, cohort in sorted(cohorts.items())
            if monday(question.first) <= first <= question.last and first >= self.first_open
        ]

    def _report_endpoint_days(self, question: Question, _: date) -> Rows:
        if not question.name:
            return []
        rows = [
            row
            for row in requests(self._in(question))
            if row.endpoint == question.name and question.method in {None, row.method}
        ]
        found: Rows = []
        for day in days_of(question):
            each = [row for row in rows if day_of(row) == day]
            times, errors = [row.duration_ms for row in each], sum(map(is_error, each))
            shares = [percentile(times, share) if each else None for share in (0.5, 0.95, 0.99)]
            rate = 100 * errors / len(each) if each else None
            unique = None if each and day < self.first_open else len(people(each))
            found.append((day, len(each), *shares, errors, rate, unique))
        return found

    def _returns(self, cohort: tuple[int, list[int], int], days_over: int) -> tuple[Any, ...]:
        number, on, returned = cohort
        week_is_over = days_over >= 7
        return (
            number,
            returned if week_is_over else None,
            100 * returned / number if week_is_over else None,
            *(count if days_over >= day else None for day, count in enumerate(on, start=1)),
        )

    def _report_retention(self, question: Question, today: date) -> Rows:
        return [
            (first, *self._returns(cohort, (today - first).days - 1))
            for first, cohort in sorted(self.cohorts(question.deployment or EVERYWHERE).items())
            if question.first <= first <= question.last
        ]

    def weekly_cohorts(self, deployment: str) -> dict[date, tuple[int, list[int], int]]:
        found = {}
        by_day = sorted(self.cohorts(deployment).items())
        for first, group in groupby(by_day, key=lambda item: monday(item[0])):
            cohorts = [cohort for _, cohort in group]
            on = [sum(counts) for counts in zip(*(cohort[1] for cohort in cohorts), strict=True)]
            found[first] = (sum(cohort[0] for cohort in cohorts), on, sum(cohort[2] for cohort in cohorts))
        return found

    def _report_weekly_retention(self, question: Question, today: date) -> Rows:
        return [
            (week_name(first), first, *self._returns(cohort, (today - first).days - 7))
            for first, cohort in sorted(self.weekly_cohorts(question.deployment or EVERYWHERE).items())
            if monday(question.first) <= first <= monday(question.last)
        ]

    def _report_sign_ins(self, question: Question, _: date) -> Rows:
        rows = logins(self._in(question))
        of_day = {day: [row for row in rows if day_of(row) == day] for day in days_of(question)}
        return [(day, len(each), len(people(each))) for day, each in of_day.items()]

    def lengths(self, rows: Iterable[Stored]) -> list[float]:
        """Of sessions of one day, in seconds; one id in both deployment types is two sessions."""
        moments: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        for row in rows:
            if isinstance(row, UserActivity) and row.session_id is not None:
                moments[row.deployment_type, row.session_id].append(row.timestamp)
        return [(max(each) - min(each)).total_seconds() for each in moments.values()]

    def _report_sessions(self, question: Question, _: date) -> Rows:
        found: Rows = []
        rows = self._in(question)
        for day in days_of(question):
            lengths = self.lengths(row for row in rows if day_of(row) == day)
            numbers = (fmean(lengths), percentile(lengths, 0.5), percentile(lengths, 0.95)) if lengths else (None,) * 3
            found.append((day, len(lengths), *numbers))
        return found

    def _report_overview(self, question: Question, today: date) -> Rows:
        cohorts, found = self.cohorts(question.deployment or EVERYWHERE), []
        for day in days_of(question):
            rows = [row for row in self._in(question) if day_of(row) == day]
            asked, lengths = requests(rows), self.lengths(rows)
            number, _, returned = cohorts.get(day, (0, [], 0))
            is_judged = day in cohorts and (today - day).days > 7
            found.append(
                (
                    day,
                    len(people(rows)),
                    len(features(rows)),
                    100 * returned / number if number and is_judged else None,
                    100 * sum(map(is_error, asked)) / len(asked) if asked else None,
                    percentile([row.duration_ms for row in asked], 0.95) if asked else None,
                    len(people(logins(rows))),
                    len(logins(rows)),
                    number,
                    returned if is_judged else None,
                    len(asked),
                    sum(map(is_error, asked)),
                    fmean(row.duration_ms for row in asked) if asked else None,
                    len(lengths),
                    fmean(lengths) if lengths else None,
                )
            )
        return found

    def _report_overview_periods(self, question: Question, today: date) -> Rows:
        """The days of each whole period added up; people are distinct."""
        periods: dict[date, list[date]] = {}
        for day in days_of(question):
            first = {"day": day, "week": monday(day), "month": day.replace(day=1)}[question.period]
            if first not in periods:
                after = {
                    "day": first + ONE_DAY,
                    "week": first + timedelta(days=7),
                    "month": (first + timedelta(days=31)).replace(day=1),
                }[question.period]
                periods[first] = [first + timedelta(days=number) for number in range((after - first).days)]
        return [self._period(first, days, question, today) for first, days in periods.items()]

    def _period(self, first: date, days: list[date], question: Question, today: date) -> tuple[Any, ...]:
        rows = self._in(Question(days[0], days[-1], question.deployment))
        asked = requests(rows)
        lengths = [each for day in days for each in self.lengths([row for row in rows if day_of(row) == day])]
        cohorts = self.cohorts(question.deployment or EVERYWHERE)
        new = {day: cohorts[day] for day in days if day in cohorts}
        judged = [cohort for day, cohort in new.items() if (today - day).days > 7]
        came, returned = sum(number for number, _, _ in judged), sum(back for _, _, back in judged)
        active, signed_in = {
            "day": lambda: (len(people(rows)), len(people(logins(rows)))),
            "week": lambda: (
                (len(people(rows)), len(people(logins(rows)))) if first >= self.first_open else (None, None)
            ),
            "month": lambda: self.people_of_month(first, question.deployment or EVERYWHERE),
        }[question.period]()
        return (
            first,
            active,
            len(features(rows)),
            100 * returned / came if came else None,
            100 * sum(map(is_error, asked)) / len(asked) if asked else None,
            percentile([row.duration_ms for row in asked], 0.95) if asked else None,
            signed_in,
            len(logins(rows)),
            sum(number for number, _, _ in new.values()),
            returned if judged else None,
            len(asked),
            sum(map(is_error, asked)),
            fmean(row.duration_ms for row in asked) if asked else None,
            len(lengths),
            fmean(lengths) if lengths else None,
        )

    def _report_sign_in_days(self, question: Question, _: date) -> Rows:
        days: dict[UUID, set[date]] = defaultdict(set)
        for row in logins(self._in(question)):
            days[row.user_id].add(day_of(row))
        known = question.first >= self.first_open
        groups = ((1, 1), (2, 2), (3, 3), (4, 4), (5, 9), (10, 19), (20, 1023))
        names = ("1", "2", "3", "4", "5-9", "10-19", "20+")
        return [
            (name, sum(least <= len(each) <= most for each in days.values()) if known else None)
            for name, (least, most) in zip(names, groups, strict=True)
            if least <= question.days
        ]

    def _report_daily_over_monthly(self, question: Question, today: date) -> Rows:
        rows, found = self._of(question.deployment), []
        of_day: dict[date, set[UUID]] = defaultdict(set)
        for row in rows:
            of_day[day_of(row)].add(row.user_id)
        first = min(of_day, default=today)
        for month in dict.fromkeys(day.replace(day=1) for day in days_of(question)):
            days = [month + timedelta(days=number) for number in range(31)]
            counted = [len(of_day.get(day, ())) for day in days if day.month == month.month and first <= day < today]
            active = self.people_of_month(month, question.deployment or EVERYWHERE)[0]
            average = fmean(counted) if counted else None
            share = 100 * average / active if average is not None and active else None
            found.append((f"{month:%Y-%m}", active, average, share))
        return found

    def _report_response_time(self, question: Question, _: date) -> Rows:
        times = [row.duration_ms for row in requests(self._in(question))]
        return [(percentile(times, 0.95) if times else None,)]

    def _report_sent(self, question: Question, _: date) -> Rows:
        return [
            (
                day,
                spans(self.export, day, day) - spans(self.export, day, day, "invalid"),
                *(
                    spans(self.export, day, day, outcome)
                    for outcome in ("sent", "withheld", "dropped", "failed", "invalid")
                ),
            )
            for day in days_of(question)
        ]

    def _report_not_sent(self, question: Question, _: date) -> Rows:
        counts: Counter[tuple[str, str]] = Counter()
        for day, outcome, reason, number in self.export:
            if outcome != "sent" and question.first <= day <= question.last:
                counts[outcome, reason] += number
        return sorted(((*key, number) for key, number in counts.items()), key=lambda row: (-row[2], row[0], row[1]))

    def _report_consent(self, question: Question, _: date) -> Rows:
        """Nothing is counted: tests/analytics/show/test_consent.py has people who choose."""
        return [(day, None, None, None, None) for day in days_of(question)]

    def _report_consent_by_notice(self, _: Question, __: date) -> Rows:
        return []

    def _report_received(self, question: Question, _: date) -> Rows:
        outcomes = (None, "stored", "duplicate", "rejected")
        return [(day, *(spans(self.ingest, day, day, outcome) for outcome in outcomes)) for day in days_of(question)]

    def _report_rejected(self, question: Question, _: date) -> Rows:
        return self._of_outcome(question, "rejected")

    def _report_parts(self, question: Question, _: date) -> Rows:
        return self._of_outcome(question, "part")

    def _of_outcome(self, question: Question, wanted: str) -> Rows:
        counts: Counter[tuple[str, str]] = Counter()
        for day, outcome, reason, sender, number in self.by_sender:
            if outcome == wanted and question.first <= day <= question.last:
                counts[reason, sender] += number
        return sorted(((*key, number) for key, number in counts.items()), key=lambda row: (-row[2], *row[:2]))

    # Figures that sum a page up, by page: title to kind and value.

    def figures(self, page: str, question: Question, now: datetime) -> dict[str, tuple[str, Any]]:
        rows = self._in(question)
        asked, used = requests(rows), features(rows)
        days = list(days_of(question))
        ((active, signed_in),) = self._report_people_of_range(question, now.date())
        daily = [len(people(row for row in rows if day_of(row) == day)) for day in days]
        of_people = {
            "Active people": ("count", active),
            "People who signed in": ("count", signed_in),
            "Active a day, on average": ("number", sum(daily) / len(daily)),
        }
        errors = sum(map(is_error, asked))
        of_requests = {
            "Requests": ("count", len(asked)),
            "Error rate": ("percent", 100 * errors / len(asked) if asked else None),
            "Average request": ("ms", fmean(row.duration_ms for row in asked) if asked else None),
        }
        cohorts = {
            first: cohort
            for first, cohort in self.cohorts(question.deployment or EVERYWHERE).items()
            if question.first <= first <= question.last
        }
        judged = [cohort for first, cohort in cohorts.items() if (now.date() - first).days > 7]
        returned, judged_people = sum(cohort[2] for cohort in judged), sum(cohort[0] for cohort in judged)
        of_cohorts = {
            "New people": ("count", sum(cohort[0] for cohort in cohorts.values())),
            "7-day retention": ("percent", 100 * returned / judged_people if judged_people else None),
        }
        lengths = [length for day in days for length in self.lengths(row for row in rows if day_of(row) == day)]
        of_sessions = {
            "Sign-ins": ("count", len(logins(rows))),
            "Sessions": ("count", len(lengths)),
            "Average session": ("seconds", fmean(lengths) if lengths else None),
        }
        pages: dict[str, dict[str, tuple[str, Any]]] = {
            "overview": {
                "Active people": of_people["Active people"],
                "Feature uses": ("count", len(used)),
                "7-day retention": of_cohorts["7-day retention"],
                "Error rate": of_requests["Error rate"],
                "p95 response": ("ms", percentile([row.duration_ms for row in asked], 0.95) if asked else None),
            },
            "people": of_people,
            "features": {
                "Features used": ("count", len({row.feature_name for row in used})),
                "Uses": ("count", len(used)),
            },
            "endpoints": {**of_requests, "Errors": ("count", errors)},
            # Without a name, which they are about.
            "feature": {
                "People": ("count", None),
                "Uses": ("count", None),
                **{f"Used it again {weeks} later": ("percent", None) for weeks in ("1 week", "4 weeks", "12 weeks")},
            },
            "endpoint": {
                "Requests": ("count", 0),
                "Error rate": ("percent", None),
                **dict.fromkeys(("p50", "p95", "p99"), ("ms", None)),
            },
            "funnel": {},
            "retention": {**of_cohorts, "Came back within 7 days": ("count", returned)},
            "sessions": of_sessions,
            "consent": dict.fromkeys(("Asked", "Yes", "No", "Undecided"), ("count", None)),
            "intake": {
                title: ("count", sum(column))
                for report, titles in (
                    (self._report_sent, ("Recorded", "Sent", "Withheld", "Dropped", "Failed", "Invalid")),
                    (self._report_received, ("Received", "Stored", "Duplicate", "Rejected")),
                )
                for title, column in zip(titles, [*zip(*report(question, now.date()), strict=True)][1:], strict=True)
            },
        }
        return pages[page]

    # Views for BI, by name: rows of groups of at least `smallest`, sorted.

    def view(self, name: str, smallest: int, now: datetime) -> Rows:
        answer: Callable[[int, date], Rows] = getattr(self, f"_view_{name}")
        return sorted(answer(smallest, now.date()), key=repr)

    def _groups(self, key: Callable[[Any], Any], rows: Iterable[Stored]) -> dict[tuple[Any, ...], list[Any]]:
        found: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
        for row in rows:
            found[key(row), row.deployment_type].append(row)
        return found

    def _view_active_people(self, smallest: int, _: date) -> Rows:
        groups = self._groups(day_of, self.rows).items()
        return [
            (*key, len(people(each)), few(len(people(logins(each))), smallest))
            for key, each in groups
            if len(people(each)) >= smallest
        ]

    def _view_sign_ins(self, smallest: int, _: date) -> Rows:
        groups = self._groups(day_of, logins(self.rows)).items()
        return [(*key, len(each), len(people(each))) for key, each in groups if len(people(each)) >= smallest]

    def _view_weekly_people(self, smallest: int, _: date) -> Rows:
        groups = self._groups(lambda row: monday(day_of(row)), self.rows).items()
        return [
            (*key, len(people(each)), few(len(people(logins(each))), smallest))
            for key, each in groups
            if len(people(each)) >= smallest and key[0] >= self.first_open
        ]

    def _view_monthly_people(self, smallest: int, _: date) -> Rows:
        months = {day_of(row).replace(day=1) for row in self.rows} | {month for month, _ in self._closed_months}
        found: Rows = []
        for month in months:
            for deployment in DEPLOYMENTS:
                active, signed_in = self.people_of_month(month, deployment)
                if active >= smallest:
                    found.append((month, deployment, active, few(signed_in, smallest)))
        return found

    def _view_feature_adoption(self, smallest: int, _: date) -> Rows:
        groups = self._groups(lambda row: (day_of(row), row.feature_name), features(self._open_rows())).items()
        return [
            (day, deployment, name, len(people(each)), len(each))
            for ((day, name), deployment), each in groups
            if len(people(each)) >= smallest
        ]

    def _view_endpoint_performance(self, smallest: int, _: date) -> Rows:
        groups = self._groups(lambda row: (day_of(row), row.endpoint, row.method), requests(self._open_rows())).items()
        found: Rows = []
        for ((day, endpoint, method), deployment), each in groups:
            if len(people(each)) >= smallest:
                times, errors = [row.duration_ms for row in each], sum(map(is_error, each))
                shares = (percentile(times, share) for share in (0.5, 0.95, 0.99))
                counts = (len(people(each)), len(each), errors, 100 * errors / len(each))
                found.append((day, deployment, endpoint, method, *counts, fmean(times), *shares))
        return found

    def _view_sessions(self, smallest: int, _: date) -> Rows:
        with_session = [row for row in self.rows if isinstance(row, UserActivity) and row.session_id is not None]
        found: Rows = []
        for key, each in self._groups(day_of, with_session).items():
            if len(people(each)) >= smallest:
                lengths = self.lengths(each)
                found.append((*key, len(lengths), fmean(lengths), percentile(lengths, 0.5), percentile(lengths, 0.95)))
        return found

    def _view_cohorts(
        self, cohorts: Callable[[str], dict[date, tuple[int, list[int], int]]], longest: int, smallest: int, today: date
    ) -> Rows:
        found: Rows = []
        for deployment in DEPLOYMENTS:
            for first, cohort in cohorts(deployment).items():
                if cohort[0] >= smallest:
                    number, returned, percent, *on = self._returns(cohort, (today - first).days - longest)
                    told = few(returned, smallest)
                    on = [few(count, smallest) for count in on]
                    found.append((first, deployment, number, told, None if told is None else percent, *on))
        return found

    def _view_retention(self, smallest: int, today: date) -> Rows:
        return self._view_cohorts(self.cohorts, 1, smallest, today)

    def _view_weekly_retention(self, smallest: int, today: date) -> Rows:
        return self._view_cohorts(self.weekly_cohorts, 7, smallest, today)

    def _view_consent(self, _: int, __: date) -> Rows:
        return []

    def _view_received(self, _: int, __: date) -> Rows:
        outcomes = (None, "stored", "duplicate", "rejected")
        days = {day for day, *_ in self.ingest}
        return [(day, *(spans(self.ingest, day, day, outcome) for outcome in outcomes)) for day in days]

    def _view_rejected(self, _: int, __: date) -> Rows:
        counts: Counter[tuple[date, str]] = Counter()
        for day, outcome, reason, number in self.ingest:
            if outcome == "rejected":
                counts[day, reason] += number
        return [(*key, number) for key, number in counts.items()]


def days_of(question: Question) -> Iterable[date]:
    return (question.first + timedelta(days=number) for number in range(question.days))


def logins(rows: Iterable[Stored]) -> list[UserActivity]:
    return [row for row in rows if isinstance(row, UserActivity) and row.event_type == "login"]


def action_of(row: FeatureUsage) -> str:
    """Of a page view: the page."""
    action: str = row.metadata.get("route", row.action) if row.feature_name == "page_view" else row.action
    return action


def steps_of(row: Stored) -> list[str]:
    """The names that a funnel may have for this row."""
    match row:
        case UserActivity():
            return [f"user_activity.{row.event_type}"]
        case FeatureUsage():
            return [f"feature_usage.{row.feature_name}", f"feature_usage.{row.feature_name}.{action_of(row)}"]
        case _:
            return []


def features(rows: Iterable[Stored]) -> list[FeatureUsage]:
    return [row for row in rows if isinstance(row, FeatureUsage)]


def requests(rows: Iterable[Stored]) -> list[EndpointUsage]:
    return [row for row in rows if isinstance(row, EndpointUsage)]


def spans(tally: Tally, first: date, last: date, outcome: str | None = None) -> int:
    return sum(number for day, what, _, number in tally if first <= day <= last and outcome in {None, what})


def few(number: int | None, smallest: int) -> int | None:
    """None for a group that is small but not empty."""
    return None if number is None or 0 < number < smallest else number
