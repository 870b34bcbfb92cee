"""The log of what staff looked at, append-only by the same function as the ledger."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FORWARD = """
CREATE OR REPLACE FUNCTION privacy_refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER privacy_access_event_append_only
    BEFORE UPDATE OR DELETE ON privacy_access_event
    FOR EACH ROW EXECUTE FUNCTION privacy_refuse_ledger_change();

CREATE TRIGGER privacy_access_event_no_truncate
    BEFORE TRUNCATE ON privacy_access_event
    FOR EACH STATEMENT EXECUTE FUNCTION privacy_refuse_ledger_change();
"""

BACKWARD = """
DROP TRIGGER privacy_access_event_no_truncate ON privacy_access_event;
DROP TRIGGER privacy_access_event_append_only ON privacy_access_event;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("privacy", "0003_notice_shown_by_default"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="consentevent",
            options={
                "ordering": ["-recorded_at", "-id"],
                "permissions": [("export_consentevent", "Can export consent events")],
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
                            ("listed", "Looked at a list"),
                            ("searched", "Searched"),
                            ("opened", "Opened"),
                            ("exported", "Exported"),
                        ],
                        max_length=16,
                    ),
                ),
                ("what", models.CharField(help_text="Which list, row or report.", max_length=100)),
                ("lines", models.PositiveIntegerField(help_text="How many lines were shown or exported.", null=True)),
                ("recorded_at", models.DateTimeField()),
                (
                    "about",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        help_text="Whose data it was, if it was one person's and the page says whose.",
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
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
