"""The ledger is append-only: a trigger refuses to change, delete or empty it, whoever asks, by whatever road."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION privacy_refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'privacy_consent_event is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER privacy_consent_event_append_only
    BEFORE UPDATE OR DELETE ON privacy_consent_event
    FOR EACH ROW EXECUTE FUNCTION privacy_refuse_ledger_change();

CREATE TRIGGER privacy_consent_event_no_truncate
    BEFORE TRUNCATE ON privacy_consent_event
    FOR EACH STATEMENT EXECUTE FUNCTION privacy_refuse_ledger_change();
"""

BACKWARD = """
DROP TRIGGER privacy_consent_event_no_truncate ON privacy_consent_event;
DROP TRIGGER privacy_consent_event_append_only ON privacy_consent_event;
DROP FUNCTION privacy_refuse_ledger_change();
"""


class Migration(migrations.Migration):
    dependencies = [("privacy", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
