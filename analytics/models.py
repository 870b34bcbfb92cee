"""The three tables of the original note, the ledgers of what was sent and what came in, and the rollups.

The three tables are partitioned by month on `timestamp`, which Django cannot say, so migrations make them in SQL. In
Django's state `id` is the primary key, because the admin needs one column; in the database it is (timestamp, id,
user_id), because a cluster shards by person; docs/keeping.md has the figures.
Rows are written by `analytics.ingest` and never changed; people in them are pseudonyms.

The rollups are written by `analytics.keep.rollups` alone and stay for good, except those that still tell one person
from another (`Person`, `PeopleOfDay`, `EarlierPeople`), which go with the raw rows; docs/keeping.md says how they fit
together.
"""

import uuid
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

DEPLOYMENT_TYPES = [("cloud", "Cloud"), ("self_hosted", "Self-hosted")]


class Shown(models.Manager[Any]):
    """Rows inside the window of retention. Older ones wait, out of sight, until their whole month is dropped."""

    def get_queryset(self) -> models.QuerySet[Any]:
        shown_from = models.Func(function="analytics_shown_from", output_field=models.DateTimeField())
        return super().get_queryset().filter(timestamp__gte=shown_from)


class Usage(models.Model):
    """The columns the three tables share."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user_id = models.UUIDField(help_text="Pseudonym of the person.")
    organization_id = models.UUIDField(null=True, help_text="Pseudonym of the organization, if there is one.")
    timestamp = models.DateTimeField(help_text="When it happened, UTC.")
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
    """What the exporter did with the spans it was given: recorded = sent + withheld + dropped + failed.

    Events that never became a span, because they are undeclared or malformed, are counted as `invalid`.
    """

    day = models.DateField(help_text="UTC day.")
    outcome = models.CharField(max_length=16)
    reason = models.CharField(max_length=64, blank=True)
    spans = models.BigIntegerField(default=0)

    class Meta:
        db_table = "analytics_export_tally"
        constraints = [models.UniqueConstraint(fields=["day", "outcome", "reason"], name="analytics_export_tally_key")]
        verbose_name = "export tally"
        verbose_name_plural = "export tallies"

    def __str__(self) -> str:
        return f"{self.day} {self.outcome} {self.reason}: {self.spans}"


class IngestTally(models.Model):
    """What the processor did with the spans it received: received = stored + duplicate + rejected(reason).

    Outcome `part` stands beside that: what stored spans were stored without.

    Counted in the transaction that writes the rows. Each writer has a slot of its own, so writers never wait for
    each other's counts.
    """

    day = models.DateField(help_text="UTC day on which the spans came in.")
    slot = models.SmallIntegerField(help_text="Which of several writers at once counted.")
    outcome = models.CharField(max_length=16)
    reason = models.CharField(max_length=64, blank=True)
    sender = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="Service name, of what was not stored as sent."
    )
    spans = models.BigIntegerField(default=0)

    class Meta:
        db_table = "analytics_ingest_tally"
        constraints = [
            models.UniqueConstraint(
                fields=["day", "slot", "outcome", "reason", "sender"], name="analytics_ingest_tally_key"
            )
        ]
        verbose_name = "ingest tally"
        verbose_name_plural = "ingest tallies"

    def __str__(self) -> str:
        return f"{self.day} {self.outcome} {self.reason}: {self.spans}"


class Erasure(models.Model):
    """A request to delete what was collected of one pseudonym, and its receipt.

    It is also the tombstone: rows of this pseudonym from before `requested_at` are refused from then on. There is no
    link to the person: who asks for their receipts is found by computing their pseudonym again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user_id = models.UUIDField(help_text="Pseudonym of the person.")
    requested_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)
    rows_deleted = models.JSONField(default=dict, help_text="Number of rows by table.")
    days_recomputed = models.IntegerField(
        default=0, db_default=0, help_text="Days of the rollups that were computed again without the person."
    )
    recomputed_at = models.DateTimeField(null=True, help_text="When the last of those days was computed.")

    class Meta:
        db_table = "analytics_erasure"
        ordering = ["-requested_at"]
        indexes = [models.Index(fields=["user_id", "-requested_at"], name="analytics_erasure_of_user")]

    def __str__(self) -> str:
        return f"Erasure {self.id}"


# People are told apart in the rollups by dense numbers, and counted in chunks of this many bits.
PEOPLE_PER_CHUNK = 8192
# Beside `cloud` and `self_hosted` where people were counted who may be in both.
EVERYWHERE = "all"
# Room for a method, a space and the longest endpoint.
LONGEST_NAME = 640


class BitsField(models.Field[Any, Any]):
    """One bit for each person of a chunk. Only SQL reads or writes it."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return f"bit({PEOPLE_PER_CHUNK})"


class TouchedDay(models.Model):
    """A day whose rollups are behind: written in the transaction that added or erased rows, taken by the rollup.

    A mark without `user_id` stands for the whole day, one with it for that person's erased rows and nothing else; none
    of the two replaces the other. Without a unique key, so that writers do not wait for each other. `stage` says what
    is owed: the day's own rollups (`day`; `taken` once a rollup has begun), or those that people of several days enter
    (`people`: cohorts and months).
    """

    day = models.DateField(help_text="UTC day of the rows.")
    stage = models.CharField(max_length=8, default="day", db_default="day")
    user_id = models.UUIDField(null=True, help_text="Pseudonym of the person whose rows were erased, if that was it.")

    class Meta:
        db_table = "analytics_touched_day"
        indexes = [models.Index(fields=["stage", "day"], name="analytics_touched_day_of_stage")]

    def __str__(self) -> str:
        return f"{self.day} {self.stage}"


class RolledUpDay(models.Model):
    """A day that has been rolled up. Once closed, because its raw rows go, it is never computed again."""

    day = models.DateField(primary_key=True)
    rolled_up_at = models.DateTimeField()
    closed = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "analytics_rolled_up_day"

    def __str__(self) -> str:
        return f"{self.day}{' closed' if self.closed else ''}"


class Person(models.Model):
    """The dense number of a pseudonym. Goes with the person's last raw row, and no number is given twice."""

    number = models.BigAutoField(primary_key=True)
    user_id = models.UUIDField(unique=True, help_text="Pseudonym of the person.")

    class Meta:
        db_table = "analytics_person"

    def __str__(self) -> str:
        return f"Person {self.number}"


class PeopleOfDay(models.Model):
    """Who did it that day: a bit for each person.

    `measure`: any (any row), sign_in, session, and with a `name` that says which: feature, action (`feature action`),
    endpoint (`METHOD endpoint`).
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
    """Who of those still known was active on a day that is closed by now, and is therefore not new when they return."""

    pk = models.CompositePrimaryKey("deployment_type", "chunk")
    deployment_type = models.CharField(max_length=16)
    chunk = models.IntegerField()
    bits = BitsField()

    class Meta:
        db_table = "analytics_earlier_people"

    def __str__(self) -> str:
        return f"{self.deployment_type} {self.chunk}"


class DailyActivity(models.Model):
    """A day's people and events; deployment type `all` counts a person once who was in both."""

    pk = models.CompositePrimaryKey("day", "deployment_type")
    day = models.DateField()
    deployment_type = models.CharField(max_length=16)
    people = models.IntegerField(help_text="With any row that day: the active people of the reports.")
    people_signed_in = models.IntegerField(help_text="With a login that day.")
    people_in_sessions = models.IntegerField(db_default=0, help_text="With a row of a session that day.")
    people_using_features = models.IntegerField(db_default=0, help_text="With a use of any feature that day.")
    people_requesting = models.IntegerField(db_default=0, help_text="With a request that day.")
    sign_ins = models.BigIntegerField(help_text="Number of login events.")
    events = models.BigIntegerField(help_text="Number of rows of user activity.")

    class Meta:
        db_table = "analytics_daily_activity"

    def __str__(self) -> str:
        return f"{self.day} {self.deployment_type}"


class DailyFeature(models.Model):
    pk = models.CompositePrimaryKey("day", "deployment_type", "feature_name", "action")
    day = models.DateField()
    deployment_type = models.CharField(max_length=16)
    feature_name = models.CharField(max_length=64)
    action = models.CharField(max_length=64)
    uses = models.BigIntegerField()

    class Meta:
        db_table = "analytics_daily_feature"

    def __str__(self) -> str:
        return f"{self.day} {self.deployment_type} {self.feature_name} {self.action}"


class DailyEndpoint(models.Model):
    """A day's requests. `buckets` and `counts` are the histogram of durations; see rollup_functions.sql."""

    pk = models.CompositePrimaryKey("day", "deployment_type", "endpoint", "method")
    day = models.DateField()
    deployment_type = models.CharField(max_length=16)
    endpoint = models.CharField(max_length=512)
    method = models.CharField(max_length=16)
    requests = models.BigIntegerField()
    errors = models.BigIntegerField(help_text="Answered with 500 or more, or without a known status.")
    duration_ns = models.DecimalField(max_digits=38, decimal_places=0, help_text="Sum, in whole nanoseconds.")
    buckets = ArrayField(models.SmallIntegerField())
    counts = ArrayField(models.BigIntegerField())

    class Meta:
        db_table = "analytics_daily_endpoint"

    def __str__(self) -> str:
        return f"{self.day} {self.deployment_type} {self.method} {self.endpoint}"


class DailySessions(models.Model):
    """A day's sessions, each from its first event of that UTC day to its last.

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
    """The people whose first event is of a day, and how many were active again on one of the seven days after it."""

    pk = models.CompositePrimaryKey("first_day", "deployment_type")
    first_day = models.DateField()
    deployment_type = models.CharField(max_length=16)
    people = models.IntegerField()
    returned = models.IntegerField(help_text="So far; final once the seven days are over.")
    returned_on = ArrayField(
        models.IntegerField(),
        db_default=[],
        help_text="How many did on each of the seven days, in their order; empty where that was not kept.",
    )

    class Meta:
        db_table = "analytics_cohort"

    def __str__(self) -> str:
        return f"{self.first_day} {self.deployment_type}"


class MonthlyPeople(models.Model):
    """Distinct people of a month (its first day, UTC); what `PeopleOfDay` would give, kept when that is gone."""

    pk = models.CompositePrimaryKey("month", "deployment_type", "measure", "name")
    month = models.DateField()
    deployment_type = models.CharField(max_length=16)
    measure = models.CharField(max_length=16)
    name = models.CharField(max_length=LONGEST_NAME)
    people = models.IntegerField()

    class Meta:
        db_table = "analytics_monthly_people"

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.deployment_type} {self.measure} {self.name}"


class ViewThreshold(models.Model):
    """The fewest people that a row of the views for BI may be about: a single row, which `migrate` writes.

    The views read it, because a view cannot read a setting. Without the row they are empty.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    smallest_group = models.PositiveIntegerField(help_text="TELEMETRY_SMALLEST_GROUP_BI, as it was last made known.")

    class Meta:
        db_table = "analytics_view_threshold"
        constraints = [
            models.CheckConstraint(
                name="analytics_view_threshold_single", condition=models.Q(id=1, smallest_group__gte=1)
            )
        ]

    def __str__(self) -> str:
        return f"{self.smallest_group} people"


class Keeping(models.Model):
    """What keeping has done so far: a single row. All moments are by the database's clock."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    kept_at = models.DateTimeField(null=True, help_text="When a run of keeping last came to its end.")
    shown_from = models.DateTimeField(null=True, help_text="Rows from before are past their time, and not shown.")
    dropped_before = models.DateTimeField(null=True, help_text="Months from before were dropped.")
    cohorts_from = models.DateField(null=True, help_text="Cohorts of days before it are final, open or closed.")

    class Meta:
        db_table = "analytics_keeping"
        constraints = [models.CheckConstraint(name="analytics_keeping_single", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return f"Kept until {self.kept_at}"
