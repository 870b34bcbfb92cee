"""Rights of each role of a deployment on each table, in PostgreSQL's letters: r read, a insert, w update, d delete.

The owner, who made the tables by `migrate`, has all of them. TRUNCATE, TRIGGER and REFERENCES are nobody else's.
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType

SITE, PROCESSOR, KEEPER = "site", "processor", "keeper"
ROLES = (SITE, PROCESSOR, KEEPER)
# `m` is for ANALYZE; PostgreSQL has it since version 17.
PRIVILEGES = {
    "r": "SELECT",
    "a": "INSERT",
    "w": "UPDATE",
    "d": "DELETE",
    "D": "TRUNCATE",
    "x": "REFERENCES",
    "t": "TRIGGER",
    "m": "MAINTAIN",
}

# The keeper owns these and their months, because only a table's owner can attach and detach partitions.
ROWS = ("analytics_user_activity", "analytics_endpoint_usage", "analytics_feature_usage")
# After an erasure, whoever carried it out recomputes the days.
ROLLUP = ("rawd", "rawd", "rawdm")
#                                 site    processor  keeper
RIGHTS: dict[str, tuple[str, str, str]] = {
    "django_migrations":           ("r",    "r",    "r"),
    "privacy_consent_event":       ("ra",   "",     "r"),
    "privacy_ledger_link":         ("r",    "",     "r"),
    "privacy_ledger_head":         ("r",    "",     "r"),
    "privacy_access_event":        ("ra",   "",     "a"),
    "privacy_preference":          ("rawd", "",     "r"),
    "privacy_pending_erasure":     ("rawd", "",     "rd"),
    "privacy_notice":              ("rawd", "",     "r"),
    "privacy_installation_control": ("rawd", "",    "r"),
    "privacy_organization_policy": ("rawd", "",     "r"),
    "privacy_service_token":       ("rawd", "",     ""),
    "privacy_digest_subscription": ("rawd", "",     "rw"),
    "privacy_alert_subscription":  ("rawd", "",     "rw"),
    **dict.fromkeys(ROWS,          ("r",    "ra",   "")),
    "analytics_lock_rows":         ("w",    "w",    "w"),
    "analytics_lock_rollup":       ("w",    "w",    "w"),
    "analytics_lock_keep":         ("",     "",     "w"),
    "analytics_export_tally":      ("raw",  "r",    "raw"),
    "analytics_ingest_tally":      ("r",    "raw",  "r"),
    "analytics_erasure":           ("raw",  "r",    "raw"),
    "analytics_tombstone":         ("rad",  "rad",  "rawd"),
    "analytics_touched_day":       ROLLUP,
    "analytics_rolled_up_day":     ROLLUP,
    "analytics_person":            ROLLUP,
    "analytics_people_of_day":     ROLLUP,
    "analytics_earlier_people":    ROLLUP,
    "analytics_daily_activity":    ROLLUP,
    "analytics_daily_feature":     ROLLUP,
    "analytics_daily_endpoint":    ROLLUP,
    "analytics_daily_sessions":    ROLLUP,
    "analytics_cohort":            ROLLUP,
    "analytics_monthly_people":    ROLLUP,
    "analytics_consent_of_day":    ("r",    "",     "rad"),
    "analytics_view_threshold":    ("r",    "",     "raw"),
    "analytics_keeping":           ("r",    "r",    "raw"),
    "analytics_doctor_span":       ("rad",  "rw",   ""),
    "analytics_alert":             ("",     "",     "rawd"),
    "analytics_noise_key":         ("r",    "r",    "r"),
}  # fmt: skip
OURS = ("analytics_", "privacy_")

# Functions that run with their owner's rights, and the roles that may call them. Nobody calls a trigger's.
OF_KEEPER = {
    "analytics_make_month(timestamptz)": (PROCESSOR,),
    "analytics_erase_person(uuid, uuid[], timestamptz, timestamptz)": (SITE, PROCESSOR),
}
OF_OWNER = ("privacy_link_ledger_line()", "privacy_move_ledger_head()")


def rights(table: str, role: str) -> str:
    """Letters of the role on this table of our schema. A table of another app is the site's to change."""
    place = ROLES.index(role)
    if found := RIGHTS.get(table):
        return found[place]
    if table.startswith(OURS):
        return ""  # months, which are reached by way of their table, and views for BI
    if role == KEEPER and table in _of_recipients():
        return "r"
    return "rawd" if role == SITE else ""


def _of_recipients() -> set[str]:
    """Tables that say who may have the weekly digest and alerts, and where to."""
    user: Any = get_user_model()
    links = [field.remote_field.through for field in user._meta.many_to_many]
    models = (user, *links, Group, Group.permissions.through, Permission, ContentType)
    return {model._meta.db_table for model in models}
