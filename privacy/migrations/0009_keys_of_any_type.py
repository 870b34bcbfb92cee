"""A pending deletion holds the account's key as text, whatever type the project's user model has."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("privacy", "0008_digest_subscriptions"),
    ]

    operations = [
        migrations.AlterField(
            model_name="pendingerasure",
            name="user_id",
            field=models.TextField(help_text="Key of the account, which may be deleted by now."),
        ),
    ]
