"""A salt for each person, and the salts of deletions that are not done yet."""

import uuid

from django.contrib.postgres.functions import RandomUUID
from django.db import migrations, models

from privacy import labels


class Migration(labels.Migration):
    dependencies = [("privacy", "0001_initial")]
    operations = [
        migrations.AddField(
            model_name="preference",
            name="salt",
            field=models.UUIDField(
                db_default=RandomUUID(),
                default=uuid.uuid4,
                editable=False,
                help_text="Of the person's pseudonyms, which nobody can compute without it. A deletion replaces it.",
            ),
        ),
        migrations.AddField(
            model_name="preference",
            name="erased_at",
            field=models.DateTimeField(blank=True, help_text="When the person last asked for deletion.", null=True),
        ),
        migrations.CreateModel(
            name="PendingErasure",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("user_id", models.UUIDField(help_text="Key of the account, which may be deleted by now.")),
                ("salt", models.UUIDField(help_text="The one that the person's pseudonyms had until they asked.")),
                ("requested_at", models.DateTimeField()),
            ],
            options={"db_table": "privacy_pending_erasure", "ordering": ["requested_at"]},
        ),
    ]
