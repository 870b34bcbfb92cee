"""The privacy notice, for templates: `{{ privacy_notice }}` is the notice to show on this page, or false.

It is worked out only where a template asks for it. What is found out is kept in the browser session, so that once the
notice is put away a page costs no query for it.
"""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from privacy.models import Preference, PrivacyNotice
from privacy.notices import current_notice
from privacy.switches import current_switches

DISMISSED = "privacy_notice_dismissed"  # session: the newest version the person has put away, 0 for none
SHOWN = "privacy_notice_shown"  # session: the newest version recorded as shown


def privacy_notice(request: HttpRequest) -> dict[str, Any]:
    return {"privacy_notice": SimpleLazyObject(lambda: _notice_for(request) or False)}


def _notice_for(request: HttpRequest) -> PrivacyNotice | None:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not current_switches().allow:
        return None
    notice = current_notice()
    if notice is None:
        return None
    dismissed = request.session.get(DISMISSED)
    if dismissed is None or dismissed < notice.version:
        # Perhaps it was put away in another browser since.
        preference = Preference.objects.filter(pk=user.pk).only("dismissed_version", "notice_version").first()
        dismissed = (preference.dismissed_version or 0) if preference else 0
        if dismissed >= notice.version:
            request.session[DISMISSED] = dismissed
    if dismissed >= notice.version:
        return None
    # Whether it really reaches the person is for the middleware to see.
    request.privacy_notice_rendered = notice.version  # type: ignore[attr-defined]
    return notice
