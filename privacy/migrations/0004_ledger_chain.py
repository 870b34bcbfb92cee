"""The ledger's hash chain.

The trigger runs at the commit of a transaction with new lines, so nobody waits for the head's row longer than a commit.
Only triggers add links and move the head. Lines from before this migration are linked in the order of their times.
"""

from django.db import migrations, models

from privacy import labels

CHAIN = """
CREATE FUNCTION privacy_ledger_hash(previous text, line privacy_consent_event) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(previous || json_build_array(
        line.id, line.user_id, line.actor_id, line.organization_id, line.action, line.source, line.notice_version,
        to_char(line.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    )::text, 'UTF8')), 'hex')
$$;

CREATE FUNCTION privacy_link_ledger_line() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    head privacy_ledger_head;
BEGIN
    INSERT INTO privacy_ledger_head (id, number, hash) VALUES (1, 0, repeat('0', 64)) ON CONFLICT (id) DO NOTHING;
    SELECT * INTO head FROM privacy_ledger_head WHERE id = 1 FOR UPDATE;
    head.number := head.number + 1;
    head.hash := privacy_ledger_hash(head.hash, NEW);
    INSERT INTO privacy_ledger_link (number, event_id, hash) VALUES (head.number, NEW.id, head.hash);
    UPDATE privacy_ledger_head SET number = head.number, hash = head.hash WHERE id = 1;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER privacy_consent_event_link
    AFTER INSERT ON privacy_consent_event DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION privacy_link_ledger_line();

DO $$
DECLARE
    line privacy_consent_event;
    number bigint := 0;
    hash text := repeat('0', 64);
BEGIN
    FOR line IN SELECT * FROM privacy_consent_event ORDER BY recorded_at, id LOOP
        number := number + 1;
        hash := privacy_ledger_hash(hash, line);
        INSERT INTO privacy_ledger_link VALUES (number, line.id, hash);
    END LOOP;
    INSERT INTO privacy_ledger_head (id, number, hash) VALUES (1, number, hash);
END $$;

CREATE FUNCTION privacy_refuse_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION '% is written by triggers only: % is refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER privacy_ledger_link_by_trigger BEFORE INSERT ON privacy_ledger_link
    FOR EACH ROW EXECUTE FUNCTION privacy_refuse_by_hand();
CREATE TRIGGER privacy_ledger_link_append_only BEFORE UPDATE OR DELETE ON privacy_ledger_link
    FOR EACH ROW EXECUTE FUNCTION privacy_refuse_ledger_change();
CREATE TRIGGER privacy_ledger_link_no_truncate BEFORE TRUNCATE ON privacy_ledger_link
    FOR EACH STATEMENT EXECUTE FUNCTION privacy_refuse_ledger_change();
CREATE TRIGGER privacy_ledger_head_by_trigger BEFORE INSERT OR UPDATE ON privacy_ledger_head
    FOR EACH ROW EXECUTE FUNCTION privacy_refuse_by_hand();
CREATE TRIGGER privacy_ledger_head_stays BEFORE DELETE ON privacy_ledger_head
    FOR EACH ROW EXECUTE FUNCTION privacy_refuse_ledger_change();
CREATE TRIGGER privacy_ledger_head_no_truncate BEFORE TRUNCATE ON privacy_ledger_head
    FOR EACH STATEMENT EXECUTE FUNCTION privacy_refuse_ledger_change();
"""
NO_CHAIN = """
DROP TRIGGER privacy_ledger_head_no_truncate ON privacy_ledger_head;
DROP TRIGGER privacy_ledger_head_stays ON privacy_ledger_head;
DROP TRIGGER privacy_ledger_head_by_trigger ON privacy_ledger_head;
DROP TRIGGER privacy_ledger_link_no_truncate ON privacy_ledger_link;
DROP TRIGGER privacy_ledger_link_append_only ON privacy_ledger_link;
DROP TRIGGER privacy_ledger_link_by_trigger ON privacy_ledger_link;
DROP FUNCTION privacy_refuse_by_hand();
DROP TRIGGER privacy_consent_event_link ON privacy_consent_event;
DROP FUNCTION privacy_link_ledger_line();
DROP FUNCTION privacy_ledger_hash(text, privacy_consent_event);
"""


class Migration(labels.Migration):
    dependencies = [
        ("privacy", "0003_organization_policy"),
    ]

    operations = [
        migrations.CreateModel(
            name="LedgerLink",
            fields=[
                (
                    "number",
                    models.BigIntegerField(help_text="From 1, without gaps.", primary_key=True, serialize=False),
                ),
                ("event_id", models.UUIDField(unique=True)),
                ("hash", models.CharField(max_length=64)),
            ],
            options={
                "db_table": "privacy_ledger_link",
                "ordering": ["number"],
            },
        ),
        migrations.CreateModel(
            name="LedgerHead",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField()),
                ("hash", models.CharField(max_length=64)),
            ],
            options={
                "db_table": "privacy_ledger_head",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="privacy_ledger_head_single")
                ],
            },
        ),
        migrations.RunSQL(CHAIN, NO_CHAIN),
    ]
