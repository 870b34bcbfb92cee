"""Alerts: staff are told once of what goes wrong, by e-mail and by web hook; docs/reports.md has the rule.

The rule sees only the numbers of the report pages, with their noise and their smallest group.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any

from django.core import mail
from django.db.models import F, Q
from django.utils import timezone

from analytics.conf import conf
from analytics.models import Alert
from analytics.show import digest, hook, reports
from analytics.show.formatting import formatted
from analytics.show.freshness import COMMAND, Freshness, freshness
from analytics.show.question import Question
from analytics.show.report import Report, noise_bound
from privacy.access import record_of
from privacy.models import Access, AlertSubscription

logger = logging.getLogger(__name__)
DAYS_BEFORE = 28
# A day with fewer requests is not judged, and fewer rejected spans are no alert.
MINIMUM_REQUESTS = MINIMUM_REJECTED = 100
ERRORS_PERCENT, ERRORS_TIMES = 2.0, 2.0
SLOWER_TIMES, SLOWER_MS, DAYS_OF_MEDIAN = 1.5, 50.0, 7
PEOPLE_SHARE, MINIMUM_PEOPLE = 0.5, 20
REJECTED_PERCENT = 1.0
BEHIND_AFTER, BEHIND_AT_LEAST = timedelta(hours=3), timedelta(hours=24)
# A day of attempts: a hook is tried after 1, 2, 4, ... minutes, then every hour; a mail server every hour.
MOST_HOOK_FAILURES, MOST_MAIL_FAILURES = 30, 24
LONGEST_PAUSE = timedelta(hours=1)

TITLES = {
    "errors": "Error rate",
    "p95": "Slow responses",
    "people": "Fewer active people",
    "rejected": "Rejected data",
    "behind": "Reports are behind",
}
# Column -> value of a day's line in a report.
Line = Mapping[str, Any]
Lines = Mapping[date, Line]


@dataclass(frozen=True, slots=True)
class Told:
    """How many messages and posts were sent, and how many were not, some of which will be tried again."""

    sent: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a day is worse than the rule allows; None if it cannot be judged. `text` says with which numbers."""

    is_wrong: bool | None
    text: str = ""


UNKNOWN = Finding(None)


def send_alerts(*, is_kept: bool) -> Told:
    """Begin and end alerts, and tell those who want to know of each that is new. `is_kept`: the rollups are up to date.

    Raises django.db.DatabaseError, and nothing else that a mail server or a hook does.
    """
    now = timezone.now()
    subscriptions = AlertSubscription.objects.all() if digest.can_send() else AlertSubscription.objects.none()
    if not conf.alert_hook and not subscriptions.exists():
        Alert.objects.all().delete()
        return Told()
    _begin_and_end(now, is_kept=is_kept)
    by_hook, by_mail = _post_all(now), _mail_all(now)
    return Told(by_hook.sent + by_mail.sent, by_hook.failed + by_mail.failed)


def _begin_and_end(now: datetime, *, is_kept: bool) -> None:
    """An alert ends once a whole day, that of its beginning or a later one, is right again."""
    today = now.astimezone(UTC).date()
    yesterday, state = today - timedelta(days=1), freshness()
    lasting = {alert.kind: alert for alert in Alert.objects.all()}
    for kind, (was, is_now) in judged(today, state).items():
        if found := next((finding for finding in (is_now, was) if finding.is_wrong), None):
            _begin(kind, found, now)
        elif kind in lasting and was.is_wrong is False and yesterday >= lasting[kind].began_at.astimezone(UTC).date():
            lasting[kind].delete()
    behind = _behind(state, now, is_kept=is_kept)
    if behind.is_wrong:
        _begin("behind", behind, now)
    elif is_kept and "behind" in lasting and now - lasting["behind"].began_at >= BEHIND_AT_LEAST:
        lasting["behind"].delete()


def _begin(kind: str, found: Finding, now: datetime) -> None:
    Alert.objects.get_or_create(kind=kind, defaults={"text": found.text, "began_at": now})


def _behind(state: Freshness, now: datetime, *, is_kept: bool) -> Finding:
    if is_kept or not state.days_waiting or state.oldest_waiting is None:
        return Finding(False)
    is_old = state.computed_at is None or now - state.computed_at > BEHIND_AFTER
    if not is_old and state.oldest_waiting >= now.astimezone(UTC).date() - timedelta(days=1):
        return Finding(False)
    since = f"since {state.computed_at:%d %B %H:%M} UTC" if state.computed_at else "yet"
    days = f"{state.days_waiting} day{'s have' if state.days_waiting > 1 else ' has'}"
    return Finding(True, f"The reports were not computed {since}; {days} rows not counted. Check the log of {COMMAND}.")


def judged(today: date, state: Freshness) -> dict[str, tuple[Finding, Finding]]:
    """Findings of yesterday and of today so far, by kind of alert. A day that is not counted yet is not judged."""
    yesterday = today - timedelta(days=1)
    question = Question(yesterday - timedelta(days=DAYS_BEFORE), today)
    since = state.first_day
    lines = {day: line for day, line in _lines(reports.OVERVIEW, question).items() if since and day >= since}
    received = _lines(reports.RECEIVED, question)
    is_counted = state.oldest_waiting is None or state.oldest_waiting > yesterday

    def both(rule: Callable[[Lines, date], Finding], of: Lines) -> tuple[Finding, Finding]:
        was = rule(of, yesterday) if is_counted or of is received else UNKNOWN
        return _dated(was, f"on {yesterday:%d %B}"), _dated(rule(of, today), "today so far")

    people = _dated(_people(lines, yesterday), f"on {yesterday:%A, %d %B}") if is_counted else UNKNOWN
    return {
        "errors": both(_errors, lines),
        "p95": both(_p95, lines),
        "rejected": both(_rejected, received),
        "people": (people, UNKNOWN),  # only whole days can be compared
    }


def _dated(finding: Finding, when: str) -> Finding:
    return replace(finding, text=finding.text.format(when=f"{when} (UTC)").replace("\xa0", " "))


def _lines(report: Report, question: Question) -> Lines:
    names = [column.name for column in report.columns]
    return {row[0]: dict(zip(names, row, strict=True)) for row in report.rows(question)}


def _before(lines: Lines, day: date, *, every: int = 1) -> Sequence[Line]:
    """Lines of the days before, or of the same day of each week."""
    days = (day - timedelta(days=ago) for ago in range(every, DAYS_BEFORE + 1, every))
    return [lines[each] for each in days if each in lines]


def _is_busy(line: Line | None) -> bool:
    return line is not None and (line["requests"] or 0) >= MINIMUM_REQUESTS


def _errors(lines: Lines, day: date) -> Finding:
    line = lines.get(day)
    if line is None or not _is_busy(line):
        return UNKNOWN
    before = [each for each in _before(lines, day) if each["requests"] and each["errors"] is not None]
    requests, errors = (sum(each[name] for each in before) for name in ("requests", "errors"))
    usual, percent = 100.0 * errors / requests if requests else 0.0, float(line["error_percent"])
    text = (
        f"{formatted('percent', percent)} of {line['requests']:,} requests failed {{when}}; "
        f"in the {DAYS_BEFORE} days before, {formatted('percent', usual)}."
    )
    return Finding(percent >= max(ERRORS_PERCENT, ERRORS_TIMES * usual), text)


def _p95(lines: Lines, day: date) -> Finding:
    line = lines.get(day)
    before = [each["p95_ms"] for each in _before(lines, day) if _is_busy(each) and each["p95_ms"] is not None]
    if line is None or not _is_busy(line) or line["p95_ms"] is None or len(before) < DAYS_OF_MEDIAN:
        return UNKNOWN
    usual, now = median(before), line["p95_ms"]
    text = (
        f"95 % of {line['requests']:,} requests took up to {formatted('ms', now)} {{when}}; "
        f"on a usual day of the {DAYS_BEFORE} before, {formatted('ms', usual)}."
    )
    return Finding(now >= SLOWER_TIMES * usual and now - usual >= SLOWER_MS, text)


def _people(lines: Lines, day: date) -> Finding:
    before = [each["active_people"] for each in _before(lines, day, every=7)]
    if day not in lines or len(before) < DAYS_BEFORE // 7 or None in before or median(before) < MINIMUM_PEOPLE:
        return UNKNOWN
    people, usual = lines[day]["active_people"], median(before)
    if people is None:
        # Hidden: at most so many, which is no more than the page itself discloses.
        most = conf.smallest_group - 1 + noise_bound(conf.smallest_group)
        if most > PEOPLE_SHARE * usual:
            return UNKNOWN
    shown = f"{people:,} people" if people is not None else f"Too few people to show, less than {most + 1:,},"
    text = f"{shown} were active {{when}}; on the same day of the four weeks before, {usual:,g}."
    return Finding(people is None or people <= PEOPLE_SHARE * usual, text)


def _rejected(lines: Lines, day: date) -> Finding:
    if (line := lines.get(day)) is None:
        return UNKNOWN
    received, rejected = line["received"], line["rejected"]
    text = f"{rejected:,} of {received:,} spans were rejected {{when}}; the page Data quality has the reasons."
    return Finding(rejected >= max(MINIMUM_REJECTED, received * REJECTED_PERCENT / 100), text)


def _post_all(now: datetime) -> Told:
    if not conf.alert_hook:
        return Told()
    sent = failed = 0
    for alert in Alert.objects.filter(hook_done=False).order_by("began_at"):
        pause = min(timedelta(minutes=2 ** max(alert.hook_failures - 1, 0)), LONGEST_PAUSE)
        # Another process that keeps claims it no more.
        free = Alert.objects.filter(Q(hook_tried_at=None) | Q(hook_tried_at__lte=now - pause), pk=alert.pk)
        if not free.filter(hook_done=False).update(hook_tried_at=now):
            continue
        record_of(None, Access.EXPORTED, "alert by web hook")
        data = {"kind": alert.kind, "title": TITLES[alert.kind], "text": alert.text}
        payload = {"type": "alert", "timestamp": alert.began_at.isoformat(), "data": data}
        changes: dict[str, Any] = {"hook_done": True}
        try:
            hook.post(str(alert.pk), payload)
        except hook.NotPosted as error:
            failed += 1
            failures = alert.hook_failures + 1
            is_last = failures >= MOST_HOOK_FAILURES
            changes = {"hook_failures": failures, "hook_done": is_last}
            logger.warning("The alert hook failed: %s. %s", error, _next(failures, is_last=is_last))
        else:
            sent += 1
        Alert.objects.filter(pk=alert.pk).update(**changes)
        if "hook_failures" in changes:
            break  # the others would fail too, each after a wait
    return Told(sent, failed)


def _next(failures: int, *, is_last: bool) -> str:
    tries = f"{failures} tr{'ies' if failures > 1 else 'y'}"
    return f"Given up after {tries}" if is_last else f"It is tried again ({tries} so far)"


def _mail_all(now: datetime) -> Told:
    """One message to each subscriber with all that is new to them; tried again after an hour, for a day."""
    alerts = list(Alert.objects.order_by("began_at"))
    due = AlertSubscription.objects.filter(
        Q(tried_at=None) | Q(tried_at__lt=now - digest.TRY_AGAIN_AFTER)
    ).select_related("user")
    claimed: list[tuple[AlertSubscription, list[Alert]]] = []
    for each in due if alerts and digest.can_send() else ():
        new = [alert for alert in alerts if str(alert.pk) not in each.told]
        if (
            new
            and digest.may_see_reports(each.user)
            and digest.address_of(each.user)
            and due.filter(pk=each.pk).update(tried_at=now, failures=F("failures") + 1)
        ):
            claimed.append((each, new))
    if not claimed:
        return Told()
    sent, ids = 0, [str(alert.pk) for alert in alerts]
    try:
        with digest.mail_server() as connection:
            for each, new in claimed:
                record_of(each.user_id, Access.EXPORTED, "alert")
                try:
                    is_sent = connection.send_messages([_message(each, new)])
                except digest.REFUSED as error:
                    logger.warning("An alert by e-mail was refused: %s", type(error).__name__)
                else:
                    sent += is_sent
                    AlertSubscription.objects.filter(pk=each.pk).update(told=ids, tried_at=None, failures=0)
    except OSError as error:  # all of smtplib's are
        logger.warning("The mail server failed at an alert: %s", type(error).__name__)
    failing = AlertSubscription.objects.filter(pk__in=[each.pk for each, _ in claimed])
    if number := failing.filter(failures__gte=MOST_MAIL_FAILURES).update(told=ids, tried_at=None, failures=0):
        logger.warning("Alerts by e-mail: gave up after %s tries, for %s recipients", MOST_MAIL_FAILURES, number)
    return Told(sent, len(claimed) - sent)


def _message(subscription: AlertSubscription, new: Sequence[Alert]) -> mail.EmailMessage:
    lines = [f"{TITLES[alert.kind]}: {alert.text}" for alert in new]
    lines += ["", "You are told of each once, while it lasts.", "", f"Reports: {subscription.reports_url}"]
    return mail.EmailMessage(
        f"Alert: {', '.join(TITLES[alert.kind] for alert in new)}",
        "\n".join([*lines, "You chose these messages there, and can end them.", ""]),
        to=[digest.address_of(subscription.user)],
    )


def subscribe(user: Any, reports_url: str) -> None:
    AlertSubscription.objects.get_or_create(user=user, defaults={"reports_url": reports_url})


def unsubscribe(user: Any) -> None:
    AlertSubscription.objects.filter(user=user).delete()
