"""The ledgers of what was sent and what came in, and the requests to delete."""

import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("analytics", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("user_id", models.UUIDField(help_text="Pseudonym of the person.")),
                ("requested_at", models.DateTimeField()),
                ("completed_at", models.DateTimeField(null=True)),
                ("rows_deleted", models.JSONField(default=dict, help_text="Number of rows by table.")),
            ],
            options={
                "db_table": "analytics_erasure",
                "ordering": ["-requested_at"],
                "indexes": [models.Index(fields=["user_id", "-requested_at"], name="analytics_erasure_of_user")],
            },
        ),
        migrations.CreateModel(
            name="ExportTally",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("day", models.DateField(help_text="UTC day.")),
                ("outcome", models.CharField(max_length=16)),
                ("reason", models.CharField(blank=True, max_length=64)),
                ("spans", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name": "export tally",
                "verbose_name_plural": "export tallies",
                "db_table": "analytics_export_tally",
                "constraints": [
                    models.UniqueConstraint(fields=("day", "outcome", "reason"), name="analytics_export_tally_key")
                ],
            },
        ),
        migrations.CreateModel(
            name="IngestTally",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("day", models.DateField(help_text="UTC day on which the spans came in.")),
                ("slot", models.SmallIntegerField(help_text="Which of several writers at once counted.")),
                ("outcome", models.CharField(max_length=16)),
                ("reason", models.CharField(blank=True, max_length=64)),
                ("spans", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name": "ingest tally",
                "verbose_name_plural": "ingest tallies",
                "db_table": "analytics_ingest_tally",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "slot", "outcome", "reason"), name="analytics_ingest_tally_key"
                    )
                ],
            },
        ),
    ]
