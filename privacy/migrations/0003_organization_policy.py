"""Policies of organizations, and their lines in the ledger."""

from django.db import migrations, models

from privacy import labels


class Migration(labels.Migration):
    dependencies = [
        ("privacy", "0002_salts"),
    ]

    operations = [
        migrations.CreateModel(
            name="OrganizationPolicy",
            fields=[
                ("organization_id", models.CharField(max_length=255, primary_key=True, serialize=False)),
                ("sharing_off", models.BooleanField(default=False)),
                ("changed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "organization's policy",
                "verbose_name_plural": "organizations' policies",
                "db_table": "privacy_organization_policy",
                "ordering": ["organization_id"],
            },
        ),
        migrations.AddField(
            model_name="consentevent",
            name="organization_id",
            field=models.CharField(blank=True, db_default="", default="", max_length=255),
        ),
        migrations.AlterField(
            model_name="consentevent",
            name="action",
            field=models.CharField(
                choices=[
                    ("enabled", "Sharing switched on"),
                    ("disabled", "Sharing switched off"),
                    ("notice_shown", "Privacy notice shown"),
                    ("browser_signal", "Browser asked sites not to track"),
                    ("erasure_requested", "Deletion of collected data requested"),
                    ("locked", "Collecting stopped for everyone"),
                    ("unlocked", "Collecting allowed again"),
                    ("organization_off", "Sharing switched off for an organization"),
                    ("organization_lifted", "Sharing left to an organization's people again"),
                    ("notice_published", "Privacy notice published"),
                    ("password_set", "Password set"),
                    ("account_changed", "User name or e-mail address changed"),
                    ("account_deactivated", "Account deactivated"),
                    ("account_activated", "Account activated again"),
                ],
                max_length=32,
            ),
        ),
    ]
