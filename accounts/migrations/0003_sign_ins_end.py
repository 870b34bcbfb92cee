"""Sign-ins that end with the password they began with, by whatever road it is changed.

Sessions are bound to the password's hash by Django, tokens are not; neither ends for good where an account is
deactivated and activated again. A trigger also hears `QuerySet.update()`, other programs and SQL.
"""

import uuid

from django.db import migrations, models

FORWARD = """
CREATE FUNCTION accounts_end_sign_ins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Only this function changes it: an instance loaded earlier must not bring an older value back.
    NEW.sign_in_epoch := OLD.sign_in_epoch;
    IF OLD.is_active AND NOT NEW.is_active THEN
        NEW.sign_in_epoch := gen_random_uuid();
    END IF;
    IF NEW.password IS DISTINCT FROM OLD.password OR (OLD.is_active AND NOT NEW.is_active) THEN
        DELETE FROM knox_authtoken WHERE user_id = NEW.id;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER accounts_end_sign_ins BEFORE UPDATE ON accounts_user
    FOR EACH ROW EXECUTE FUNCTION accounts_end_sign_ins();
"""

BACKWARD = """
DROP TRIGGER accounts_end_sign_ins ON accounts_user;
DROP FUNCTION accounts_end_sign_ins();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_cache_table"),
        ("knox", "0009_extend_authtoken_field"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="sign_in_epoch",
            field=models.UUIDField(default=uuid.uuid4, editable=False),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
