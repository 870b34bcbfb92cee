"""A pending deletion holds the account's key as text, whatever type the project's user model has."""

from typing import Any

from django.core.management.base import CommandError
from django.db import migrations, models

from privacy import labels

UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


def refuse_other_keys(apps: Any, schema_editor: Any) -> None:
    """Reversal: a column of UUIDs cannot hold the other keys, and without them their rows are never deleted."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM privacy_pending_erasure WHERE user_id !~ %s", [UUID])
        (pending,) = cursor.fetchone()
    if pending:
        raise CommandError(
            f"0009_keys_of_any_type cannot be reversed while deletions of accounts whose key is no UUID are pending: "
            f"{pending}. Carry them out with manage.py send_pending_erasures, then migrate again.",
            returncode=2,
        )


class Migration(labels.Migration):
    dependencies = [
        ("privacy", "0008_digest_subscriptions"),
    ]

    operations = [
        migrations.AlterField(
            model_name="pendingerasure",
            name="user_id",
            field=models.TextField(help_text="Key of the account, which may be deleted by now."),
        ),
        migrations.RunPython(migrations.RunPython.noop, refuse_other_keys),
    ]
