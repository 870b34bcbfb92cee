"""Rows of every installation, created by `migrate`: the operator's lock (not set) and the first notice."""

from typing import Any

from django.apps import apps as current_apps
from django.apps.registry import Apps
from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone

from privacy.labels import label_of

FIRST_NOTICE_TITLE = "Usage data helps us improve Rhesis"
FIRST_NOTICE_BODY = """\
We record which features are used, how often, and how quickly pages answer. We never record names, e-mail addresses, \
IP addresses, prompts, tests, model responses, keys or anything you type.

Ids are replaced by keyed pseudonyms before anything leaves the server. Raw records are kept for 12 months. Under \
Settings, Privacy you can see exactly what is sent, switch sharing on or off, and delete collected data."""


def ensure_installation_rows(using: str = DEFAULT_DB_ALIAS, apps: Apps = current_apps, **_: Any) -> None:
    """Receiver of `post_migrate`. `apps` holds the models of the migrated state, which may be an earlier one."""
    if using != DEFAULT_DB_ALIAS:
        return
    try:
        label = label_of("privacy")
        control, notice = apps.get_model(label, "InstallationControl"), apps.get_model(label, "PrivacyNotice")
    except LookupError:
        return  # migrated to zero: the tables are gone
    control._default_manager.using(using).get_or_create(pk=1)
    if not notice._default_manager.using(using).exists():
        notice._default_manager.using(using).create(
            version=1, title=FIRST_NOTICE_TITLE, body=FIRST_NOTICE_BODY, published_at=timezone.now()
        )
