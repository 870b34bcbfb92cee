"""Move the head of the ledger's chain once a transaction.

Each update leaves a version of the head's row that is looked at until the commit, so that many lines in one transaction
took time as the square of their number.
"""

from django.db import migrations

from privacy import labels

LINK = """
CREATE OR REPLACE FUNCTION privacy_link_ledger_line() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last record;
BEGIN
    INSERT INTO privacy_ledger_head (id, number, hash) VALUES (1, 0, repeat('0', 64)) ON CONFLICT (id) DO NOTHING;
    PERFORM FROM privacy_ledger_head WHERE id = 1 FOR UPDATE;
    -- The head, unless this transaction has added links.
    SELECT number, hash INTO last FROM (
        SELECT number, hash FROM privacy_ledger_head
        UNION ALL (SELECT number, hash FROM privacy_ledger_link ORDER BY number DESC LIMIT 1)
    ) AS known ORDER BY number DESC LIMIT 1;
    INSERT INTO privacy_ledger_link (number, event_id, hash)
    VALUES (last.number + 1, NEW.id, privacy_ledger_hash(last.hash, NEW));
    RETURN NULL;
END $$;

CREATE FUNCTION privacy_move_ledger_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM privacy_ledger_link WHERE number > NEW.number) THEN
        UPDATE privacy_ledger_head SET number = NEW.number, hash = NEW.hash WHERE id = 1;
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER privacy_ledger_link_moves_head
    AFTER INSERT ON privacy_ledger_link DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION privacy_move_ledger_head();
"""
NO_LINK = """
DROP TRIGGER privacy_ledger_link_moves_head ON privacy_ledger_link;
DROP FUNCTION privacy_move_ledger_head();

CREATE OR REPLACE FUNCTION privacy_link_ledger_line() RETURNS trigger LANGUAGE plpgsql AS $$
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
"""


class Migration(labels.Migration):
    dependencies = [("privacy", "0005_service_tokens")]
    operations = [migrations.RunSQL(LINK, NO_LINK)]
