"""A sign-in that only stores the same password under a newer hash ends nothing: see `accounts.models.User`."""

from django.db import migrations, models

FORWARD = """
CREATE OR REPLACE FUNCTION accounts_end_sign_ins() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before text := encode(sha256(convert_to(OLD.password, 'UTF8')), 'hex');
    after text := encode(sha256(convert_to(NEW.password, 'UTF8')), 'hex');
BEGIN
    IF before = OLD.rehashed_to THEN before := OLD.rehashed_from; END IF;
    IF after = NEW.rehashed_to THEN after := NEW.rehashed_from; END IF;
    -- Only this function changes it: an instance loaded earlier must not bring an older value back.
    NEW.sign_in_epoch := OLD.sign_in_epoch;
    IF OLD.is_active AND NOT NEW.is_active THEN
        NEW.sign_in_epoch := gen_random_uuid();
    END IF;
    IF before <> after OR (OLD.is_active AND NOT NEW.is_active) THEN
        DELETE FROM knox_authtoken WHERE user_id = NEW.id;
    END IF;
    RETURN NEW;
END $$;
"""

BACKWARD = """
CREATE OR REPLACE FUNCTION accounts_end_sign_ins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.sign_in_epoch := OLD.sign_in_epoch;
    IF OLD.is_active AND NOT NEW.is_active THEN
        NEW.sign_in_epoch := gen_random_uuid();
    END IF;
    IF NEW.password IS DISTINCT FROM OLD.password OR (OLD.is_active AND NOT NEW.is_active) THEN
        DELETE FROM knox_authtoken WHERE user_id = NEW.id;
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_sign_in_counts")]

    operations = [
        *(
            migrations.AddField(
                model_name="user",
                name=name,
                field=models.CharField(blank=True, default="", editable=False, max_length=64),
            )
            for name in ("rehashed_from", "rehashed_to")
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
