"""The choice of staff to receive alerts by e-mail."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from privacy import labels


class Migration(labels.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("privacy", "0009_keys_of_any_type"),
    ]

    operations = [
        migrations.CreateModel(
            name="AlertSubscription",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("reports_url", models.CharField(help_text="Address of the reports, for the message.", max_length=500)),
                (
                    "told",
                    models.JSONField(default=list, help_text="Ids of alerts that last and were sent, or given up."),
                ),
                ("tried_at", models.DateTimeField(help_text="When sending last began, until it succeeds.", null=True)),
                ("failures", models.PositiveSmallIntegerField(default=0)),
            ],
            options={
                "db_table": "privacy_alert_subscription",
            },
        ),
    ]
