"""Usage telemetry: collected with consent, stored in PostgreSQL, shown in reports.

The four functions below are the public API. They are imported on first use, because Django imports this package before
its apps are ready.
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
