"""Usage telemetry: collected only from those who consent, kept in PostgreSQL, shown as reports.

Developers call the four names below. They are looked up on first use, because this package is imported before Django's
apps are ready.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analytics.collect.scope import telemetry_for
    from analytics.collect.track import flush, track_feature_usage, track_user_activity

__all__ = ["flush", "telemetry_for", "track_feature_usage", "track_user_activity"]


def __getattr__(name: str) -> Any:
    if name == "telemetry_for":
        from analytics.collect.scope import telemetry_for

        return telemetry_for
    if name in __all__:
        from analytics.collect import track

        return getattr(track, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
