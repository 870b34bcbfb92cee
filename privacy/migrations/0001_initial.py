"""Choices, notices and the two ledgers. These are append-only: triggers refuse to change, delete or empty them, whoever
asks, by whatever road.
"""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from privacy import labels

APPEND_ONLY = """
CREATE FUNCTION privacy_refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER privacy_consent_event_append_only
    BEFORE UPDATE OR DELETE ON privacy_consent_event
    FOR EACH ROW EXECUTE FUNCTION privacy_refuse_ledger_change();

CREATE TRIGGER privacy_consent_event_no_truncate
    BEFORE TRUNCATE ON privacy_consent_event
    FOR EACH STATEMENT EXECUTE FUNCTION privacy_refuse_ledger_change();

CREATE TRIGGER privacy_access_event_append_only
    BEFORE UPDATE OR DELETE ON privacy_access_event
    FOR EACH ROW EXECUTE FUNCTION privacy_refuse_ledger_change();

CREATE TRIGGER privacy_access_event_no_truncate
    BEFORE TRUNCATE ON privacy_access_event
    FOR EACH STATEMENT EXECUTE FUNCTION privacy_refuse_ledger_change();
"""
CHANGEABLE = """
DROP TRIGGER privacy_access_event_no_truncate ON privacy_access_event;
DROP TRIGGER privacy_access_event_append_only ON privacy_access_event;
DROP TRIGGER privacy_consent_event_no_truncate ON privacy_consent_event;
DROP TRIGGER privacy_consent_event_append_only ON privacy_consent_event;
DROP FUNCTION privacy_refuse_ledger_change();
"""


class Migration(labels.Migration):
    initial = True

    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="InstallationControl",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                (
                    "locked",
                    models.BooleanField(
                        default=False,
                        help_text="Nothing is collected from anyone while this is on.",
                        verbose_name="stop collecting for everyone",
                    ),
                ),
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
                        blank=True, help_text="The person's choice; empty if they have not chosen.", null=True
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
                    models.DateTimeField(
                        blank=True,
                        help_text="When a notice was first shown while sharing was on by default.",
                        null=True,
                    ),
                ),
                (
                    "dismissed_version",
                    models.PositiveIntegerField(
                        blank=True, help_text="The newest notice the person has dismissed.", null=True
                    ),
                ),
                (
                    "browser_signal_at",
                    models.DateTimeField(
                        blank=True, help_text="When the person's browser first sent Sec-GPC: 1.", null=True
                    ),
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
            name="AccessEvent",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "access",
                    models.CharField(
                        choices=[
                            ("listed", "Listed"),
                            ("searched", "Searched"),
                            ("opened", "Opened"),
                            ("exported", "Exported"),
                            ("changed", "Changed"),
                        ],
                        max_length=16,
                    ),
                ),
                ("what", models.CharField(help_text="The list, row or report.", max_length=100)),
                ("lines", models.PositiveIntegerField(help_text="Number of lines shown or exported.", null=True)),
                ("recorded_at", models.DateTimeField()),
                (
                    "about",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        help_text="The person whose data it was, if the page names one person.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "actor",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "access by staff",
                "verbose_name_plural": "accesses by staff",
                "db_table": "privacy_access_event",
                "ordering": ["-recorded_at", "-id"],
                "permissions": [("export_accessevent", "Can export accesses by staff")],
                "indexes": [
                    models.Index(fields=["about", "-recorded_at"], name="privacy_access_event_about"),
                    models.Index(fields=["actor", "-recorded_at"], name="privacy_access_event_by"),
                    models.Index(fields=["-recorded_at"], name="privacy_access_event_newest"),
                ],
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
                            ("browser_signal", "Browser asked sites not to track"),
                            ("erasure_requested", "Deletion of collected data requested"),
                            ("locked", "Collecting stopped for everyone"),
                            ("unlocked", "Collecting allowed again"),
                            ("notice_published", "Privacy notice published"),
                            ("password_set", "Password set"),
                            ("account_changed", "User name or e-mail address changed"),
                            ("account_deactivated", "Account deactivated"),
                            ("account_activated", "Account activated again"),
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
                            ("account_deleted", "Deletion of the account"),
                            ("account_page", "Account page"),
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
                        help_text="The person who did it; empty for the system.",
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
                "permissions": [("export_consentevent", "Can export consent events")],
                "indexes": [models.Index(fields=["user", "-recorded_at"], name="privacy_consent_event_of_user")],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, CHANGEABLE),
    ]
