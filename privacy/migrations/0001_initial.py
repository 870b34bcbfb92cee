import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0002_cache_table"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="InstallationControl",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ("locked", models.BooleanField(default=False, help_text="Telemetry off for this installation.")),
                ("changed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "operator's lock",
                "verbose_name_plural": "operator's lock",
                "db_table": "privacy_installation_control",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="privacy_installation_control_single")
                ],
            },
        ),
        migrations.CreateModel(
            name="Preference",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="privacy_preference",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "choice",
                    models.BooleanField(
                        blank=True, help_text="What the person chose; empty if nothing yet.", null=True
                    ),
                ),
                ("chosen_at", models.DateTimeField(blank=True, null=True)),
                (
                    "notice_version",
                    models.PositiveIntegerField(
                        blank=True, help_text="The newest notice shown to the person.", null=True
                    ),
                ),
                (
                    "notice_shown_at",
                    models.DateTimeField(blank=True, help_text="When a notice was first shown.", null=True),
                ),
                (
                    "dismissed_version",
                    models.PositiveIntegerField(
                        blank=True, help_text="The newest notice the person has put away.", null=True
                    ),
                ),
                (
                    "browser_signal_at",
                    models.DateTimeField(blank=True, help_text="When their browser first sent Sec-GPC: 1.", null=True),
                ),
                ("consenting_since", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "db_table": "privacy_preference",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("choice__isnull", True), ("chosen_at__isnull", True)),
                            models.Q(
                                ("choice", False), ("chosen_at__isnull", False), ("consenting_since__isnull", True)
                            ),
                            models.Q(
                                ("choice", True), ("chosen_at__isnull", False), ("consenting_since__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="privacy_preference_choice_has_its_time",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PrivacyNotice",
            fields=[
                ("version", models.PositiveIntegerField(primary_key=True, serialize=False)),
                ("title", models.CharField(max_length=200)),
                ("body", models.TextField(help_text="Plain text; blank lines separate paragraphs.")),
                ("published_at", models.DateTimeField()),
                (
                    "published_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "privacy notice",
                "db_table": "privacy_notice",
                "ordering": ["-version"],
            },
        ),
        migrations.CreateModel(
            name="ConsentEvent",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("enabled", "Sharing switched on"),
                            ("disabled", "Sharing switched off"),
                            ("notice_shown", "Privacy notice shown"),
                            ("browser_signal", "Browser asked not to be tracked"),
                            ("erasure_requested", "Deletion of collected data requested"),
                            ("locked", "Telemetry locked off for the installation"),
                            ("unlocked", "Installation's lock lifted"),
                            ("notice_published", "Privacy notice published"),
                        ],
                        max_length=32,
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("settings_page", "Settings page"),
                            ("api", "API"),
                            ("admin", "Admin"),
                            ("command", "Command"),
                            ("notice", "Notice"),
                            ("browser", "Browser signal"),
                        ],
                        max_length=32,
                    ),
                ),
                ("notice_version", models.PositiveIntegerField(null=True)),
                ("recorded_at", models.DateTimeField()),
                (
                    "actor",
                    models.ForeignKey(
                        db_constraint=False,
                        help_text="Who did it; empty for the system itself.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="consent_events",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "privacy_consent_event",
                "ordering": ["-recorded_at", "-id"],
                "indexes": [models.Index(fields=["user", "-recorded_at"], name="privacy_consent_event_of_user")],
            },
        ),
    ]
