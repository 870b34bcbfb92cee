"""After restoring a backup, repeats every erasure that the backup does not contain."""

from collections.abc import Iterable

from analytics.erasure import here
from analytics.erasure.here import Erased
from analytics.erasure.requests import carry_out_pending
from analytics.identity import pseudonyms_of
from analytics.models import Tombstone
from privacy.choices import replace_salt
from privacy.models import Preference


def replay(logged: Iterable[Erased]) -> tuple[int, int]:
    """Number of pseudonyms erased again, and of rows deleted. Raises django.db.DatabaseError.

    Salts first: one that a backup brought back would lead to rows that a backup brought back.
    """
    logged = list(logged)
    renew_salts({*Tombstone.objects.values_list("user_id", flat=True), *(each.user_id for each in logged)})
    carry_out_pending()
    return here.replay(logged)


def renew_salts(erased: set[object]) -> int:
    """Replace the salt of each person whose pseudonym was erased. Returns their number."""
    people = Preference.objects.values_list("pk", "salt").iterator()
    found = [user_id for user_id, salt in people if not erased.isdisjoint(pseudonyms_of(user_id, salt))]
    for user_id in found:
        replace_salt(user_id)
    return len(found)
