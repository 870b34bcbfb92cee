"""Models of the three tables of the original note, of sent and received counts, and of the rollups.

The three tables are partitioned by month on `timestamp`, which Django does not support, so migrations create them in
SQL. In Django's state `id` is the primary key, because the admin needs one column; in the database it is (timestamp,
id, user_id), because a cluster shards by person (figures in docs/keeping.md). `analytics.ingest` writes rows and never
changes them; they name people by pseudonym.

Only `analytics.keep.rollups` writes the rollups. They are permanent, except `Person`, `PeopleOfDay` and
`EarlierPeople`, which distinguish people and go with the raw rows; see docs/keeping.md.
"""

import uuid
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Now

from analytics.vocabulary import LONGEST_RELEASE

DEPLOYMENT_TYPES = [("cloud", "Cloud"), ("self_hosted", "Self-hosted")]


class Shown(models.Manager[Any]):
    """Rows that are not past their 12 months. Older rows are hidden until the purge drops their whole month."""

    def get_queryset(self) -> models.QuerySet[Any]:
        shown_from = models.Func(function="analytics_shown_from", output_field=models.DateTimeField())
        return super().get_queryset().filter(timestamp__gte=shown_from)


class Usage(models.Model):
    """Columns of all three tables."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user_id = models.UUIDField(help_text="Pseudonym of the person.")
    organization_id = models.UUIDField(null=True, help_text="Pseudonym of the organization, if any.")
    timestamp = models.DateTimeField(help_text="Time of the event, UTC.")
    deployment_type = models.CharField(max_length=16, choices=DEPLOYMENT_TYPES)
    metadata = models.JSONField(default=dict, help_text="Only what the catalogue declares.")

    objects = Shown()

    class Meta:
        abstract = True
        managed = True
        ordering = ["-timestamp", "-id"]
        get_latest_by = "timestamp"


class UserActivity(Usage):
    event_type = models.CharField(max_length=64, help_text="login, logout, session_start, ...")
    session_id = models.CharField(max_length=64, null=True, help_text="Pseudonym of the session.")  # noqa: DJ001

    class Meta(Usage.Meta):
        abstract = False
        db_table = "analytics_user_activity"
        verbose_name_plural = "user activity"

    def __str__(self) -> str:
        return f"{self.event_type} on {self.timestamp:%Y-%m-%d}"


class EndpointUsage(Usage):
    endpoint = models.CharField(max_length=512, help_text="URL pattern, never the path.")
    method = models.CharField(max_length=16)
    status_code = models.IntegerField()
    duration_ms = models.FloatField(help_text="Milliseconds.")
    service_version = models.CharField(  # noqa: DJ001
        max_length=LONGEST_RELEASE,
        null=True,
        help_text="Release of the sender, such as 1.4.2: up to three numbers and a suffix such as rc.1; no other text.",
    )

    class Meta(Usage.Meta):
        abstract = False
        db_table = "analytics_endpoint_usage"
        verbose_name_plural = "endpoint usage"

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint} {self.status_code}"


class FeatureUsage(Usage):
    feature_name = models.CharField(max_length=64)
    action = models.CharField(max_length=64)

    class Meta(Usage.Meta):
        abstract = False
        db_table = "analytics_feature_usage"
        verbose_name_plural = "feature usage"

    def __str__(self) -> str:
        return f"{self.feature_name} {self.action}"


class ExportTally(models.Model):
    """Sent counts: recorded = sent + withheld + dropped + failed, by the exporter.

    An undeclared or malformed event becomes no span and counts as `invalid`.
    """

    day = models.DateField(help_text="UTC day.")
    outcome = models.CharField(max_length=16)
    reason = models.CharField(max_length=64, blank=True)
    spans = models.BigIntegerField(default=0)

    class Meta:
        db_table = "analytics_export_tally"
        constraints = [models.UniqueConstraint(fields=["day", "outcome", "reason"], name="analytics_export_tally_key")]
        verbose_name = "sent count"
        verbose_name_plural = "sent counts"

    def __str__(self) -> str:
        return f"{self.day} {self.outcome} {self.reason}: {self.spans}"


class IngestTally(models.Model):
    """Received counts: received = stored + duplicate + rejected(reason), by the processor.

    Outcome `part` counts parts that were removed from stored spans. The counts are written in the transaction of the
    rows. Each writer has its own slot, so writers never wait for each other's counts.
    """

    day = models.DateField(help_text="UTC day on which the spans were received.")
    slot = models.SmallIntegerField(help_text="Number of the writer, of several in parallel.")
    outcome = models.CharField(max_length=16)
    reason = models.CharField(max_length=64, blank=True)
    sender = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="Service name of the sender, for spans not stored as sent.",
    )
    spans = models.BigIntegerField(default=0)

    class Meta:
        db_table = "analytics_ingest_tally"
        constraints = [
            models.UniqueConstraint(
                fields=["day", "slot", "outcome", "reason", "sender"], name="analytics_ingest_tally_key"
            )
        ]
        verbose_name = "received count"
        verbose_name_plural = "received counts"

    def __str__(self) -> str:
        return f"{self.day} {self.outcome} {self.reason}: {self.spans}"


class Erasure(models.Model):
    """The receipt of a request to delete. `id` is that of the ledger's line, or of the span that asked.

    It names no pseudonym: the ledger says whose request it was, and that would lead to their rows in an old backup.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    requested_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)
    rows_deleted = models.JSONField(default=dict, help_text="Number of rows by table.")
    days_recomputed = models.IntegerField(
        default=0, db_default=0, help_text="Number of days whose rollups were recomputed without the person."
    )
    recomputed_at = models.DateTimeField(null=True, help_text="When the last of those days was recomputed.")

    class Meta:
        db_table = "analytics_erasure"
        ordering = ["-requested_at"]

    def __str__(self) -> str:
        return f"Erasure {self.id}"


class Tombstone(models.Model):
    """A pseudonym that was erased: rows of it up to a moment are rejected, usually of all time.

    `erasure_id` says of which request while the reports are being corrected, and is cleared then. What is left is in
    no order, and has no moment of the request.
    """

    user_id = models.UUIDField(primary_key=True, help_text="Pseudonym of the person.")
    until = models.DateTimeField()
    erasure_id = models.UUIDField(null=True)

    class Meta:
        db_table = "analytics_tombstone"

    def __str__(self) -> str:
        return "Tombstone"


# Rollups identify people by dense numbers and store them as bits, in chunks of this many people.
PEOPLE_PER_CHUNK = 8192
# Deployment type of counts over both, in which a person counts once.
EVERYWHERE = "all"
# Fits a method, a space and the longest endpoint.
LONGEST_NAME = 640


class BitsField(models.Field[Any, Any]):
    """One bit for each person of a chunk. Only SQL reads and writes it."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return f"bit({PEOPLE_PER_CHUNK})"


class TouchedDay(models.Model):
    """A day whose rollups are out of date. The transaction that adds or erases rows inserts it; the rollup deletes it.

    Without `user_id` it means the whole day, with `user_id` only that person's erased rows; neither replaces the other.
    There is no unique key, so that writers do not wait for each other. `stage` names what must be recomputed: the day's
    own rollups (`day`, or `taken` once a rollup has begun), or those over several days (`people`: cohorts and months).
    """

    day = models.DateField(help_text="UTC day of the rows.")
    stage = models.CharField(max_length=8, default="day", db_default="day")
    user_id = models.UUIDField(null=True, help_text="Pseudonym of the person, if rows were erased.")

    class Meta:
        db_table = "analytics_touched_day"
        indexes = [models.Index(fields=["stage", "day"], name="analytics_touched_day_of_stage")]

    def __str__(self) -> str:
        return f"{self.day} {self.stage}"


class RolledUpDay(models.Model):
    """A day that has been rolled up. A closed day, whose raw rows are being purged, is never recomputed."""

    day = models.DateField(primary_key=True)
    rolled_up_at = models.DateTimeField()
    closed = models.BooleanField(default=False, db_default=False)
    cohort_closed = models.BooleanField(
        default=False, db_default=False, help_text="Its cohort is final, even where the day was opened again."
    )

    class Meta:
        db_table = "analytics_rolled_up_day"

    def __str__(self) -> str:
        return f"{self.day}{' closed' if self.closed else ''}"


class Person(models.Model):
    """Dense number of a pseudonym. Deleted with the person's last raw row; numbers are never reused."""

    number = models.BigAutoField(primary_key=True)
    user_id = models.UUIDField(unique=True, help_text="Pseudonym of the person.")

    class Meta:
        db_table = "analytics_person"

    def __str__(self) -> str:
        return f"Person {self.number}"


class PeopleOfDay(models.Model):
    """People counted on a day by one measure: one bit for each person.

    `measure` is any (any row), sign_in or session, or, with a `name`, feature, action (`feature action`) or endpoint
    (`METHOD endpoint`).
    """

    pk = models.CompositePrimaryKey("day", "deployment_type", "measure", "name", "chunk")
    day = models.DateField()
    deployment_type = models.CharField(max_length=16)
    measure = models.CharField(max_length=16)
    name = models.CharField(max_length=LONGEST_NAME)
    chunk = models.IntegerField(help_text="A person's number divided by the people of a chunk.")
    bits = BitsField()

    class Meta:
        db_table = "analytics_people_of_day"

    def __str__(self) -> str:
        return f"{self.day} {self.deployment_type} {self.measure} {self.name}"


class EarlierPeople(models.Model):
    """Known people who were active on a closed day, and are therefore not new when they return."""

    pk = models.CompositePrimaryKey("deployment_type", "chunk")
    deployment_type = models.CharField(max_length=16)
    chunk = models.IntegerField()
    bits = BitsField()

    class Meta:
        db_table = "analytics_earlier_people"

    def __str__(self) -> str:
        return f"{self.deployment_type} {self.chunk}"


class DailyActivity(models.Model):
    """People and events of a day. Deployment type `all` counts a person of both types once.

    `buckets` and `counts` are the histogram of the durations of all requests.
    """

    pk = models.CompositePrimaryKey("day", "deployment_type")
    day = models.DateField()
    deployment_type = models.CharField(max_length=16)
    people = models.IntegerField(help_text="People with any row that day: the active people of the reports.")
    people_signed_in = models.IntegerField(help_text="People with a login that day.")
    people_in_sessions = models.IntegerField(db_default=0, help_text="People with a row of a session that day.")
    people_using_features = models.IntegerField(db_default=0, help_text="People who used a feature that day.")
    people_requesting = models.IntegerField(db_default=0, help_text="People with a request that day.")
    sign_ins = models.BigIntegerField(help_text="Number of login events.")
    events = models.BigIntegerField(help_text="Number of rows of user activity.")
    noise = ArrayField(
        models.FloatField(null=True),
        db_default=[],
        help_text="Noise of each of the five numbers of people, in order; see sql/functions/noise.sql.",
    )
    buckets = ArrayField(models.SmallIntegerField(), db_default=[])
    counts = ArrayField(models.BigIntegerField(), db_default=[])

    class Meta:
        db_table = "analytics_daily_activity"

    def __str__(self) -> str:
        return f"{self.day} {self.deployment_type}"


class ConsentOfDay(models.Model):
    """People and their choices, by the newest notice they were shown (0: none), as last counted on a UTC day."""

    pk = models.CompositePrimaryKey("day", "notice_version")
    day = models.DateField()
    notice_version = models.IntegerField()
    asked = models.BigIntegerField()
    yes = models.BigIntegerField()
    no = models.BigIntegerField()
    undecided = models.BigIntegerField()

    class Meta:
        db_table = "analytics_consent_of_day"

    def __str__(self) -> str:
        return f"{self.day} notice {self.notice_version}"


class DailyFeature(models.Model):
    pk = models.CompositePrimaryKey("day", "deployment_type", "feature_name", "action")
    day = models.DateField()
    deployment_type = models.CharField(max_length=16)
    feature_name = models.CharField(max_length=64)
    action = models.CharField(max_length=64)
    uses = models.BigIntegerField()
    people = models.IntegerField(db_default=1)
    noise = models.FloatField(null=True, help_text="Noise of these people; see sql/functions/noise.sql.")

    class Meta:
        db_table = "analytics_daily_feature"

    def __str__(self) -> str:
        return f"{self.day} {self.deployment_type} {self.feature_name} {self.action}"


class DailyEndpoint(models.Model):
    """Requests of a day. `buckets` and `counts` are the histogram of durations; see functions/rollups.sql."""

    pk = models.CompositePrimaryKey("day", "deployment_type", "endpoint", "method")
    day = models.DateField()
    deployment_type = models.CharField(max_length=16)
    endpoint = models.CharField(max_length=512)
    method = models.CharField(max_length=16)
    requests = models.BigIntegerField()
    errors = models.BigIntegerField(help_text="Requests with status 500 or more, or unknown.")
    duration_ns = models.DecimalField(max_digits=38, decimal_places=0, help_text="Sum, in whole nanoseconds.")
    buckets = ArrayField(models.SmallIntegerField())
    counts = ArrayField(models.BigIntegerField())
    people = models.IntegerField(db_default=1)
    noise = models.FloatField(null=True, help_text="Noise of these people; see sql/functions/noise.sql.")

    class Meta:
        db_table = "analytics_daily_endpoint"

    def __str__(self) -> str:
        return f"{self.day} {self.deployment_type} {self.method} {self.endpoint}"


class DailySessions(models.Model):
    """Sessions of a day, each from its first to its last event of that UTC day.

    `buckets` and `counts` are the histogram of lengths in microseconds.
    """

    pk = models.CompositePrimaryKey("day", "deployment_type")
    day = models.DateField()
    deployment_type = models.CharField(max_length=16)
    sessions = models.BigIntegerField()
    length_us = models.DecimalField(max_digits=38, decimal_places=0, help_text="Sum, in microseconds.")
    buckets = ArrayField(models.SmallIntegerField())
    counts = ArrayField(models.BigIntegerField())

    class Meta:
        db_table = "analytics_daily_sessions"

    def __str__(self) -> str:
        return f"{self.day} {self.deployment_type}"


class Cohort(models.Model):
    """People whose first event is on one day, and how many were active again on the seven days after it."""

    pk = models.CompositePrimaryKey("first_day", "deployment_type")
    first_day = models.DateField()
    deployment_type = models.CharField(max_length=16)
    people = models.IntegerField()
    returned = models.IntegerField(help_text="People who returned so far; final after the seven days.")
    returned_on = ArrayField(
        models.IntegerField(),
        db_default=[],
        help_text="People who returned on each of the seven days, in order; empty if unknown.",
    )
    noise = ArrayField(
        models.FloatField(null=True),
        db_default=[],
        help_text="Noise of people, returned and each of returned_on, in order; see sql/functions/noise.sql.",
    )

    class Meta:
        db_table = "analytics_cohort"

    def __str__(self) -> str:
        return f"{self.first_day} {self.deployment_type}"


class MonthlyPeople(models.Model):
    """Distinct people of a month (its first day, UTC), stored before `PeopleOfDay` of its days is deleted."""

    pk = models.CompositePrimaryKey("month", "deployment_type", "measure", "name")
    month = models.DateField()
    deployment_type = models.CharField(max_length=16)
    measure = models.CharField(max_length=16)
    name = models.CharField(max_length=LONGEST_NAME)
    people = models.IntegerField()
    noise = models.FloatField(null=True, help_text="Noise of these people; see sql/functions/noise.sql.")

    class Meta:
        db_table = "analytics_monthly_people"

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.deployment_type} {self.measure} {self.name}"


class ViewThreshold(models.Model):
    """Smallest number of people in a row of the BI views: a single row, which `migrate` writes.

    The views read it, because a view cannot read a setting. Without the row they are empty.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    smallest_group = models.PositiveIntegerField(help_text="TELEMETRY_SMALLEST_GROUP_BI at the last update.")

    class Meta:
        db_table = "analytics_view_threshold"
        constraints = [
            models.CheckConstraint(
                name="analytics_view_threshold_single", condition=models.Q(id=1, smallest_group__gte=1)
            )
        ]

    def __str__(self) -> str:
        return f"{self.smallest_group} people"


class Alert(models.Model):
    """An alert under way. Staff are told of it once, and it is deleted when it ends.

    Only `analytics.show.alerts` writes it. `text` has the numbers of the report pages when it began.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, unique=True)
    text = models.CharField(max_length=300)
    began_at = models.DateTimeField()
    hook_tried_at = models.DateTimeField(null=True)
    hook_failures = models.PositiveSmallIntegerField(default=0)
    hook_done = models.BooleanField(default=False, help_text="Whether it was posted, or given up.")

    class Meta:
        db_table = "analytics_alert"

    def __str__(self) -> str:
        return f"{self.kind} since {self.began_at:%Y-%m-%d %H:%M}"


class DoctorSpan(models.Model):
    """A test span that `telemetry_doctor` waits for. `id` is its trace id.

    Only the doctor adds and deletes rows. The processor dates the row of a span that arrives, so spans of strangers,
    which no row waits for, leave nothing behind.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sent_at = models.DateTimeField(db_default=Now())
    stored_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "analytics_doctor_span"

    def __str__(self) -> str:
        return f"Test span {self.id}"


class Keeping(models.Model):
    """State of `keep_telemetry`: a single row. All times are by the database's clock."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    kept_at = models.DateTimeField(null=True, help_text="When keep_telemetry last finished.")
    shown_from = models.DateTimeField(null=True, help_text="Older rows are hidden until they are purged.")
    dropped_before = models.DateTimeField(null=True, help_text="Older months have been dropped.")

    class Meta:
        db_table = "analytics_keeping"
        constraints = [models.CheckConstraint(name="analytics_keeping_single", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return f"Kept until {self.kept_at}"
