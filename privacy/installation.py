"""Rows of every installation, created by `migrate`: the operator's lock (not set) and the first notice."""

from typing import Any

from django.apps import apps as current_apps
from django.apps.registry import Apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone

from privacy.labels import label_of
from privacy.pages import product_name

LONGEST_TITLE = 200

TITLE = "Usage data helps us improve {}"
BODY = """\
We record which features are used, how often, and how quickly pages answer. We never record names, e-mail addresses, \
IP addresses, prompts, tests, model responses, keys or anything you type.

Ids are replaced by keyed pseudonyms before anything leaves the server. Raw records are kept for 12 months. Under \
Settings, Privacy you can see exactly what is sent, switch sharing on or off, and delete collected data."""


def own_notice() -> tuple[str, str] | None:
    """TELEMETRY_FIRST_NOTICE, title and body; None if it is not set, or is something else."""
    match getattr(settings, "TELEMETRY_FIRST_NOTICE", None):
        case (str(title), str(body)) if title and body and len(title) <= LONGEST_TITLE:
            return title, body
    return None


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
        title, body = own_notice() or (TITLE.format(product_name()), BODY)
        notice._default_manager.using(using).create(version=1, title=title, body=body, published_at=timezone.now())
