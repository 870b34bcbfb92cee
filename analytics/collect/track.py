"""What developers call: `track_user_activity` and `track_feature_usage`, as in the original note, and `flush`.

In a view the person is the request's; in a background job it is the one named by `with telemetry_for(user):`. Outside
both nothing is recorded. No call makes a query, blocks, or raises in production.
"""

import time
from uuid import UUID

from analytics.catalogue import Declaration, FieldType, current_catalogue
from analytics.collect import pipeline
from analytics.collect.quietly import quietly, swallow
from analytics.collect.scope import MAXIMUM_EVENTS_A_REQUEST, JobScope, Tracked, current_scope
from analytics.collect.tally import NO_USER, Outcome
from analytics.events import Activity, Event, FeatureUse, Metadata, Scalar
from analytics.exceptions import AnalyticsError, InvalidValue, UndeclaredEvent
from analytics.vocabulary import ERASURE_REQUESTED
from privacy.switches import current_switches

LONGEST_ID = 200
FLUSH_SECONDS = 5.0


def track_user_activity(event: str, session_id: object = None, **metadata: object) -> None:
    """Record that the person did `event`, such as "login". `session_id` leaves the process as a pseudonym only.

    Raises AnalyticsError for what the catalogue does not declare, under DEBUG and in tests; in production such an event
    is dropped and counted.
    """
    session_key = None if session_id is None else str(session_id)
    _track(Activity(event), metadata, session_key)


def track_feature_usage(feature: str, action: str, **metadata: object) -> None:
    """Record that the person used `feature`, such as "test_run", by `action`, such as "created".

    Ids given as metadata of type pseudonym leave the process as pseudonyms only. Raises like `track_user_activity`.
    """
    _track(FeatureUse(feature, action), metadata)


def flush(timeout: float = FLUSH_SECONDS) -> bool:
    """Send what this process has queued, now: before `os._exit`, or at the end of a job whose worker may be killed.

    Whether everything that consent covers was taken within `timeout` seconds. What was not stays queued, or is counted
    as failed. Blocks, so in an event loop it belongs into a thread. Never raises.
    """
    try:
        return pipeline.flush(float(timeout))
    except Exception as error:  # noqa: BLE001  as every call here
        swallow(error)
        return False


def _track(event: Activity | FeatureUse, metadata: dict[str, object], session_key: str | None = None) -> None:
    with quietly():
        scope = current_scope()
        try:
            tracked = Tracked(event, session_key, checked_metadata(event, metadata), time.time_ns())
        except AnalyticsError:
            pipeline.tally.add(Outcome.INVALID, event.category.value)
            raise
        if not current_switches().allow:
            return
        if scope is None:
            pipeline.tally.add(Outcome.INVALID, NO_USER)
            return
        if isinstance(scope, JobScope):
            if not pipeline.hint.refuses(scope.person.user_id):
                pipeline.record(tracked.of(scope.person))
        elif len(scope.tracked) < MAXIMUM_EVENTS_A_REQUEST:
            scope.tracked.append(tracked)
        else:
            pipeline.tally.add(Outcome.INVALID, "too_many_in_one_request")


def checked_metadata(event: Event, metadata: dict[str, object]) -> Metadata:
    """`metadata` as it is recorded; ids are text, of which `clean` makes pseudonyms.

    Raises AnalyticsError for what is not declared.
    """
    category, name, action = event.key
    if not isinstance(name, str) or not isinstance(action, str | None):
        raise UndeclaredEvent(f"a {category} is named by text")
    if event == Activity(ERASURE_REQUESTED):
        raise UndeclaredEvent("a request to delete is made under Settings, Privacy; it cannot be tracked")
    declared = current_catalogue().declaration(*event.key)
    return {key: _value(declared, key, value) for key, value in metadata.items()}


def _value(declared: Declaration, key: str, value: object) -> Scalar:
    field = declared.field(key)
    if field.type is not FieldType.PSEUDONYM:
        return field.checked(value)
    if isinstance(value, bool) or not isinstance(value, UUID | int | str) or len(str(value)[:LONGEST_ID]) == LONGEST_ID:
        raise InvalidValue(f"metadata {key!r} must be an id: a UUID, a whole number or a short text")
    return str(value)
