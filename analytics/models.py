"""The three tables of the original note, and the ledgers of what was sent and what came in.

The three tables are partitioned by month on `timestamp`, which Django cannot say, so migrations make them in SQL. In
Django's state `id` is the primary key, because the admin needs one column; in the database it is (timestamp, id).
Rows are written by `analytics.ingest` and never changed; people in them are pseudonyms.
"""

import uuid

from django.db import models

DEPLOYMENT_TYPES = [("cloud", "Cloud"), ("self_hosted", "Self-hosted")]


class Usage(models.Model):
    """The columns the three tables share."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user_id = models.UUIDField(help_text="Pseudonym of the person.")
    organization_id = models.UUIDField(null=True, help_text="Pseudonym of the organization, if there is one.")
    timestamp = models.DateTimeField(help_text="When it happened, UTC.")
    deployment_type = models.CharField(max_length=16, choices=DEPLOYMENT_TYPES)
    metadata = models.JSONField(default=dict, help_text="Only what the catalogue declares.")

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
        return f"{self.event_type} at {self.timestamp:%Y-%m-%d %H:%M:%S}"


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

    Counted in the transaction that writes the rows. Each writer has a slot of its own, so writers never wait for
    each other's counts.
    """

    day = models.DateField(help_text="UTC day on which the spans came in.")
    slot = models.SmallIntegerField(help_text="Which of several writers at once counted.")
    outcome = models.CharField(max_length=16)
    reason = models.CharField(max_length=64, blank=True)
    spans = models.BigIntegerField(default=0)

    class Meta:
        db_table = "analytics_ingest_tally"
        constraints = [
            models.UniqueConstraint(fields=["day", "slot", "outcome", "reason"], name="analytics_ingest_tally_key")
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

    class Meta:
        db_table = "analytics_erasure"
        ordering = ["-requested_at"]
        indexes = [models.Index(fields=["user_id", "-requested_at"], name="analytics_erasure_of_user")]

    def __str__(self) -> str:
        return f"Erasure {self.id}"
