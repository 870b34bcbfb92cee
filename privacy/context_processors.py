"""The privacy notice, for templates: `{{ privacy_notice }}` is the notice to show on this page, or false.

It is worked out only where a template asks for it. What is found out is stored in the browser session, so that once the
notice is dismissed a page costs no query for it. `{{ seen_later }}`: the page itself tells the site when it is seen.
"""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from privacy.consent import Decision, Reason
from privacy.gate import decision_for
from privacy.looking import asks_not_to_be_tracked, is_looked_at
from privacy.models import Preference, PrivacyNotice
from privacy.notices import current_notice
from privacy.switches import DeploymentType, current_switches, deployment_type

DISMISSED = "privacy_notice_dismissed"  # session: `showing` of the notice the person has dismissed
SHOWN = "privacy_notice_shown"  # session: `showing` of the notice recorded as shown


def privacy_notice(request: HttpRequest) -> dict[str, Any]:
    return {
        "privacy_notice": SimpleLazyObject(lambda: _notice_for(request) or False),
        "seen_later": SimpleLazyObject(lambda: _is_seen_later(request)),
    }


@dataclass(frozen=True, slots=True)
class ShownNotice:
    """The notice as one person is shown it: with what is the case for them once they have read it."""

    version: int
    title: str
    body: str
    is_on: bool
    standing: str
    advice: str


def showing(version: int) -> str:
    """What a session remembers: the notice, and under which default it was read. "Off unless you switch it on" and "on
    unless you switch it off" are two different things to have been told."""
    return f"{deployment_type()} {version}"


def _is_seen_later(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return user is not None and user.is_authenticated and not is_looked_at(request) and current_switches().allow


def _notice_for(request: HttpRequest) -> ShownNotice | None:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not current_switches().allow:
        return None
    notice = current_notice()
    if notice is None or request.session.get(DISMISSED) == showing(notice.version):
        return None
    # It may have been dismissed in another browser since.
    preference = Preference.objects.filter(pk=user.pk).only("choice", "dismissed_version", "notice_shown_at").first()
    if preference is not None and _has_dismissed(preference, notice.version):
        request.session[DISMISSED] = showing(notice.version)
        return None
    decision = decision_for(user.pk)
    if decision.reason is Reason.OPERATOR_LOCK:
        return None  # there is nothing to decide until it is lifted
    # Whether it really reaches the person is for the middleware to see.
    request.privacy_notice_rendered = notice.version  # type: ignore[attr-defined]
    return _as_shown(notice, decision, has_signal=asks_not_to_be_tracked(request) or _has_signal(preference))


def _has_signal(preference: Preference | None) -> bool:
    return preference is not None and preference.browser_signal_at is not None


def _as_shown(notice: PrivacyNotice, decision: Decision, *, has_signal: bool) -> ShownNotice:
    by_default = decision.reason in {Reason.NOTICE_NOT_SHOWN, Reason.CLOUD_DEFAULT, Reason.BROWSER_SIGNAL}
    # By being shown the notice the default comes into force, so the notice says what that makes of it.
    is_on = not has_signal if by_default else decision.enabled
    if is_on:
        standing, advice = "This is on now.", "You can switch it off here, or at any time under Settings, Privacy."
    elif by_default:
        standing, advice = (
            "This is off now.",
            "Your browser asks sites not to track you. It stays off unless you switch it on.",
        )
    else:
        standing, advice = "This is off now.", "It stays off unless you switch it on."
    return ShownNotice(notice.version, notice.title, notice.body, is_on, standing, advice)


def _has_dismissed(preference: Preference, version: int) -> bool:
    if (preference.dismissed_version or 0) < version:
        return False
    # An installation that has become a cloud one tells those whom it told "off by default" before.
    told = preference.notice_shown_at is not None or preference.choice is not None
    return told or deployment_type() is DeploymentType.SELF_HOSTED
