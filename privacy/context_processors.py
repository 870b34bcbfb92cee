"""Template variables `privacy_notice` (the notice to show, or false) and `seen_later`.

Both are lazy: a page that uses neither costs nothing. The session stores that a notice was dismissed, so later pages
cost no query. `seen_later` is true on prefetched pages, which must report themselves when they become visible.
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
    """The notice for one person, with the state of sharing that applies once it has been shown."""

    version: int
    title: str
    body: str
    is_on: bool
    standing: str
    advice: str


def showing(version: int) -> str:
    """Session value for a notice that was shown or dismissed: default of the deployment, and version.

    A notice read under "off by default" does not count as read under "on by default".
    """
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
    if decision.reason in {Reason.OPERATOR_LOCK, Reason.ORGANIZATION_POLICY}:
        return None  # the person cannot decide anything until it is lifted
    # The middleware checks whether the response really shows it.
    request.privacy_notice_rendered = notice.version  # type: ignore[attr-defined]
    return _as_shown(notice, decision, has_signal=asks_not_to_be_tracked(request) or _has_signal(preference))


def _has_signal(preference: Preference | None) -> bool:
    return preference is not None and preference.browser_signal_at is not None


def _as_shown(notice: PrivacyNotice, decision: Decision, *, has_signal: bool) -> ShownNotice:
    by_default = decision.reason in {Reason.NOTICE_NOT_SHOWN, Reason.CLOUD_DEFAULT, Reason.BROWSER_SIGNAL}
    # Showing the notice puts the default into force, so the notice states the resulting state.
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
    # A site that became a cloud deployment must show the notice again to people who read "off by default".
    told = preference.notice_shown_at is not None or preference.choice is not None
    return told or deployment_type() is DeploymentType.SELF_HOSTED
