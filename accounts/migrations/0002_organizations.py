"""Administrators of organizations, and when each person came to theirs.

The trigger writes the time whoever changes the organization: `QuerySet.update()`, the deletion of an organization, SQL.
"""

from django.conf import settings
from django.db import migrations, models

MOVES_ARE_DATED = """
CREATE FUNCTION accounts_date_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Only this function changes it: an instance loaded earlier must not bring an older value back.
    NEW.organization_since := OLD.organization_since;
    IF NEW.organization_id IS DISTINCT FROM OLD.organization_id THEN
        NEW.organization_since := clock_timestamp();
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER accounts_date_move BEFORE UPDATE ON accounts_user
    FOR EACH ROW EXECUTE FUNCTION accounts_date_move();
"""
MOVES_ARE_NOT_DATED = """
DROP TRIGGER accounts_date_move ON accounts_user;
DROP FUNCTION accounts_date_move();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="organization",
            name="administrators",
            field=models.ManyToManyField(
                blank=True,
                help_text="People of the organization who may switch sharing of usage data off for all of its people.",
                related_name="administered_organizations",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="organization_since",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.RunSQL(MOVES_ARE_DATED, MOVES_ARE_NOT_DATED),
    ]
