"""The three tables of the original note, partitioned by month, and the function that makes a month.

Django's state has `id` as the primary key; the database has (timestamp, id).
"""

import uuid

from django.db import migrations, models

from analytics.sql import sql

DROP = """
DROP FUNCTION analytics_make_month;
DROP TABLE analytics_user_activity, analytics_endpoint_usage, analytics_feature_usage;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.RunSQL(
            sql=sql("usage_tables") + sql("make_month"),
            reverse_sql=DROP,
            state_operations=[
                migrations.CreateModel(
                    name="EndpointUsage",
                    fields=[
                        (
                            "id",
                            models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                        ),
                        ("user_id", models.UUIDField(help_text="Pseudonym of the person.")),
                        (
                            "organization_id",
                            models.UUIDField(help_text="Pseudonym of the organization, if there is one.", null=True),
                        ),
                        ("timestamp", models.DateTimeField(help_text="When it happened, UTC.")),
                        (
                            "deployment_type",
                            models.CharField(
                                choices=[("cloud", "Cloud"), ("self_hosted", "Self-hosted")], max_length=16
                            ),
                        ),
                        (
                            "metadata",
                            models.JSONField(default=dict, help_text="Only what the catalogue declares."),
                        ),
                        (
                            "endpoint",
                            models.CharField(help_text="URL pattern, never the path.", max_length=512),
                        ),
                        ("method", models.CharField(max_length=16)),
                        ("status_code", models.IntegerField()),
                        ("duration_ms", models.FloatField(help_text="Milliseconds.")),
                    ],
                    options={
                        "verbose_name_plural": "endpoint usage",
                        "db_table": "analytics_endpoint_usage",
                        "ordering": ["-timestamp", "-id"],
                        "get_latest_by": "timestamp",
                        "abstract": False,
                        "managed": True,
                    },
                ),
                migrations.CreateModel(
                    name="FeatureUsage",
                    fields=[
                        (
                            "id",
                            models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                        ),
                        ("user_id", models.UUIDField(help_text="Pseudonym of the person.")),
                        (
                            "organization_id",
                            models.UUIDField(help_text="Pseudonym of the organization, if there is one.", null=True),
                        ),
                        ("timestamp", models.DateTimeField(help_text="When it happened, UTC.")),
                        (
                            "deployment_type",
                            models.CharField(
                                choices=[("cloud", "Cloud"), ("self_hosted", "Self-hosted")], max_length=16
                            ),
                        ),
                        (
                            "metadata",
                            models.JSONField(default=dict, help_text="Only what the catalogue declares."),
                        ),
                        ("feature_name", models.CharField(max_length=64)),
                        ("action", models.CharField(max_length=64)),
                    ],
                    options={
                        "verbose_name_plural": "feature usage",
                        "db_table": "analytics_feature_usage",
                        "ordering": ["-timestamp", "-id"],
                        "get_latest_by": "timestamp",
                        "abstract": False,
                        "managed": True,
                    },
                ),
                migrations.CreateModel(
                    name="UserActivity",
                    fields=[
                        (
                            "id",
                            models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                        ),
                        ("user_id", models.UUIDField(help_text="Pseudonym of the person.")),
                        (
                            "organization_id",
                            models.UUIDField(help_text="Pseudonym of the organization, if there is one.", null=True),
                        ),
                        ("timestamp", models.DateTimeField(help_text="When it happened, UTC.")),
                        (
                            "deployment_type",
                            models.CharField(
                                choices=[("cloud", "Cloud"), ("self_hosted", "Self-hosted")], max_length=16
                            ),
                        ),
                        (
                            "metadata",
                            models.JSONField(default=dict, help_text="Only what the catalogue declares."),
                        ),
                        (
                            "event_type",
                            models.CharField(help_text="login, logout, session_start, ...", max_length=64),
                        ),
                        (
                            "session_id",
                            models.CharField(help_text="Pseudonym of the session.", max_length=64, null=True),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "user activity",
                        "db_table": "analytics_user_activity",
                        "ordering": ["-timestamp", "-id"],
                        "get_latest_by": "timestamp",
                        "abstract": False,
                        "managed": True,
                    },
                ),
            ],
        ),
    ]
