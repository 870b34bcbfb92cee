"""Weekly digest by e-mail: the overview's figures of the last whole week, for members of staff who chose it.

The figures are those of the page, with its noise and its smallest group. Each message has a line in the access log.
"""

import logging
from dataclasses import dataclass
from datetime import date, timedelta
from smtplib import SMTPDataError, SMTPRecipientsRefused, SMTPSenderRefused
from typing import Any

from django.conf import settings
from django.core import mail
from django.db.models import Q
from django.utils import timezone

from analytics.conf import conf
from analytics.show.answered import answered
from analytics.show.freshness import freshness
from analytics.show.pages import PAGES
from analytics.show.question import Question
from analytics.show.report import noise_bound
from analytics.show.vouched import who_is_counted
from privacy.access import record_of
from privacy.labels import label_of
from privacy.models import Access, DigestSubscription

logger = logging.getLogger(__name__)
# Permission to view the rows includes permission to view reports.
PERMISSIONS = ("view_useractivity", "view_endpointusage", "view_featureusage")
TRY_AGAIN_AFTER = timedelta(hours=1)
# For each answer of the mail server.
PATIENCE_SECONDS = 10
DUMMY = "django.core.mail.backends.dummy"
# Of one message; the server takes the next one. ValueError is Django's for an address that is none.
REFUSED = (SMTPRecipientsRefused, SMTPSenderRefused, SMTPDataError, ValueError)


@dataclass(frozen=True, slots=True)
class Digests:
    """How many were sent, and how many were not and will be tried again."""

    sent: int = 0
    failed: int = 0


def may_see_reports(user: Any) -> bool:
    wanted = [f"{label_of('analytics')}.{permission}" for permission in PERMISSIONS]
    return bool(user.is_active and user.is_staff and user.has_perms(wanted))


def can_send() -> bool:
    """Whether this site has a mail server."""
    # A project for Django 6.1 has MAILERS, and then no EMAIL_BACKEND.
    if (mailers := getattr(settings, "MAILERS", None)) is None:
        backend = settings.EMAIL_BACKEND
    else:
        backend = mailers["default"].get("BACKEND", "") if "default" in mailers else DUMMY
    return not backend.startswith(DUMMY)


def mail_server() -> Any:
    """The connection to the site's mail server, with a time limit."""
    if not hasattr(settings, "MAILERS"):
        return mail.get_connection(timeout=PATIENCE_SECONDS)
    connection = vars(mail)["mailers"]["default"]  # Django 5.2, which types are checked with, has none
    if getattr(connection, "timeout", PATIENCE_SECONDS) is None:
        connection.timeout = PATIENCE_SECONDS
    return connection


def address_of(user: Any) -> str:
    return str(getattr(user, user.get_email_field_name(), "") or "")


def last_week(today: date) -> date:
    """Monday of the last ISO week that is over."""
    return today - timedelta(days=today.weekday() + 7)


def subscribe(user: Any, reports_url: str) -> None:
    """From the week on that is not over yet."""
    DigestSubscription.objects.get_or_create(
        user=user, defaults={"reports_url": reports_url, "sent_for": last_week(timezone.now().date())}
    )


def unsubscribe(user: Any) -> None:
    DigestSubscription.objects.filter(user=user).delete()


def send_digests() -> Digests:
    """Send each digest that is due, once its week is counted. A message that fails is tried again after an hour."""
    now = timezone.now()
    week = last_week(now.date())
    due = DigestSubscription.objects.filter(
        Q(tried_at=None) | Q(tried_at__lt=now - TRY_AGAIN_AFTER), sent_for__lt=week
    ).select_related("user")
    # Another process that keeps claims none of these.
    claimed = (
        [
            each
            for each in due
            if due.filter(pk=each.pk).update(tried_at=now) and may_see_reports(each.user) and address_of(each.user)
        ]
        if can_send() and _is_counted(week)
        else []
    )
    if not claimed:
        return Digests()
    figures, sent = _figures(week), 0
    try:
        with mail_server() as connection:
            for each in claimed:
                message = mail.EmailMessage(
                    f"Usage from {week:%d %B} to {week + timedelta(days=6):%d %B %Y}",
                    f"{figures}\n\nReports: {each.reports_url}\nYou chose this weekly message there, and can end it.\n",
                    to=[address_of(each.user)],
                )
                record_of(each.user_id, Access.EXPORTED, "weekly digest")
                try:
                    is_sent = connection.send_messages([message])
                except REFUSED as error:
                    logger.warning("A weekly digest was refused: %s", type(error).__name__)
                else:
                    sent += is_sent
                    DigestSubscription.objects.filter(pk=each.pk).update(sent_for=week, tried_at=None)
    except OSError as error:  # all of smtplib's are
        logger.warning("The mail server failed at a weekly digest: %s", type(error).__name__)
    return Digests(sent, len(claimed) - sent)


def _is_counted(week: date) -> bool:
    """Whether all stored rows up to the end of the week are in the reports."""
    state = freshness()
    oldest = state.oldest_waiting
    return state.computed_at is not None and (oldest is None or oldest > week + timedelta(days=6))


def _figures(week: date) -> str:
    """The overview's figures of the week as lines of text, each with its change since the week before."""
    question = Question(week, week + timedelta(days=6))
    lines = [f"{week:%d %B} to {question.last:%d %B %Y} (UTC), compared with the week before.", ""]
    for shown in answered(PAGES["overview"], question, timezone.now().date()).figures:
        change = f", {shown.change}" if shown.change else ""
        lines.append(f"{shown.title}: {shown.value} (before: {shown.before}{change})".replace("\xa0", " "))
    lines += ["", who_is_counted(question)]
    if conf.smallest_group > 1:
        lines.append(
            f"Numbers about fewer than {conf.smallest_group} people are hidden; all others are changed by up to "
            f"{noise_bound(conf.smallest_group)} people, or by what so many people do in a day."
        )
    return "\n".join(lines)
