"""Alerts that staff are told of; see Alert."""

import uuid

from django.db import migrations, models

from privacy import labels


class Migration(labels.Migration):
    dependencies = [
        ("analytics", "0007_doctor_span"),
    ]

    operations = [
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=16, unique=True)),
                ("text", models.CharField(max_length=300)),
                ("began_at", models.DateTimeField()),
                ("hook_tried_at", models.DateTimeField(null=True)),
                ("hook_failures", models.PositiveSmallIntegerField(default=0)),
                ("hook_done", models.BooleanField(default=False, help_text="Whether it was posted, or given up.")),
            ],
            options={
                "db_table": "analytics_alert",
            },
        ),
    ]
