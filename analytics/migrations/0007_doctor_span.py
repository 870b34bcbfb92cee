"""The test span that the doctor waits for; see DoctorSpan."""

import uuid

from django.db import migrations, models
from django.db.models.functions import Now

from privacy import labels


class Migration(labels.Migration):
    dependencies = [("analytics", "0006_response_times")]

    operations = [
        migrations.CreateModel(
            name="DoctorSpan",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("sent_at", models.DateTimeField(db_default=Now())),
                ("stored_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "analytics_doctor_span"},
        ),
    ]
