"""The privacy notice, for templates: `{{ privacy_notice }}` is the notice to show on this page, or false.

It is worked out only where a template asks for it. What is found out is kept in the browser session, so that once the
notice is put away a page costs no query for it.
"""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from privacy.models import Preference, PrivacyNotice
from privacy.notices import current_notice
from privacy.switches import DeploymentType, current_switches, deployment_type

PUT_AWAY = "privacy_notice_put_away"  # session: `showing` of the notice the person has put away
SHOWN = "privacy_notice_shown"  # session: `showing` of the notice recorded as shown


def privacy_notice(request: HttpRequest) -> dict[str, Any]:
    return {"privacy_notice": SimpleLazyObject(lambda: _notice_for(request) or False)}


def showing(version: int) -> str:
    """What a session remembers: the notice, and under which default it was read. "Off unless you switch it on" and "on
    unless you switch it off" are two different things to have been told."""
    return f"{deployment_type()} {version}"


def _notice_for(request: HttpRequest) -> PrivacyNotice | None:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not current_switches().allow:
        return None
    notice = current_notice()
    if notice is None or request.session.get(PUT_AWAY) == showing(notice.version):
        return None
    # Perhaps it was put away in another browser since.
    preference = Preference.objects.filter(pk=user.pk).only("choice", "dismissed_version", "notice_shown_at").first()
    if preference is not None and _has_put_away(preference, notice.version):
        request.session[PUT_AWAY] = showing(notice.version)
        return None
    # Whether it really reaches the person is for the middleware to see.
    request.privacy_notice_rendered = notice.version  # type: ignore[attr-defined]
    return notice


def _has_put_away(preference: Preference, version: int) -> bool:
    if (preference.dismissed_version or 0) < version:
        return False
    # An installation that has become a cloud one tells those whom it told "off by default" before.
    told = preference.notice_shown_at is not None or preference.choice is not None
    return told or deployment_type() is DeploymentType.SELF_HOSTED
