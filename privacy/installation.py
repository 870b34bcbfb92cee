"""Rows every installation has: the lock (open) and the first notice. Made by `migrate`, kept if they are there."""

from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone

FIRST_NOTICE_TITLE = "Usage data helps us improve Rhesis"
FIRST_NOTICE_BODY = """\
We record which features are used, how often, and how quickly pages answer. We never record names, e-mail addresses, \
IP addresses, prompts, tests, model responses, keys or anything you type.

Ids are replaced by keyed pseudonyms before anything leaves the server. Raw records are kept for 12 months. Under \
Settings, Privacy you can see exactly what would be sent, switch sharing on or off, and delete what was collected."""


def ensure_installation_rows(using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
    """Receiver of `post_migrate`."""
    from privacy.models import InstallationControl, PrivacyNotice

    if using != DEFAULT_DB_ALIAS:
        return
    InstallationControl.objects.using(using).get_or_create(pk=1)
    if not PrivacyNotice.objects.using(using).exists():
        PrivacyNotice.objects.using(using).create(
            version=1, title=FIRST_NOTICE_TITLE, body=FIRST_NOTICE_BODY, published_at=timezone.now()
        )
