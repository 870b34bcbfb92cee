"""Pseudonyms: nobody without the key can tell whose they are."""

import hashlib
import hmac
import uuid
from itertools import islice, product

import pytest
from django.test import override_settings

from analytics.identity import Kind, pseudonym

PEOPLE = [uuid.uuid5(uuid.NAMESPACE_URL, str(number)) for number in range(2000)]
KEY, OTHER_KEY = "the key of one installation", "the key of another one"


@pytest.fixture
def pseudonyms() -> set[uuid.UUID]:
    with override_settings(TELEMETRY_HASH_KEY=KEY):
        return {pseudonym(Kind.USER, person) for person in PEOPLE}


def guesses(person: uuid.UUID) -> "list[bytes]":
    """What someone who knows every id and the algorithm, but not the key, would try first."""
    texts = [str(person), person.hex, person.urn, str(person).upper()]
    prefixes = ["", "user\0", "user:", "user", "\0"]
    messages = [prefix.encode() + text.encode() for prefix, text in product(prefixes, texts)]
    messages += [person.bytes, b"user\0" + person.bytes]
    keys = [b"", b"\0" * 32, b"rhesis", b"rhesis-telemetry", b"secret", b"user", person.bytes]
    plain = [hashlib.new(name, message).digest() for name in ("md5", "sha1", "sha256") for message in messages]
    keyed = [hmac.new(key, message, hashlib.sha256).digest() for key in keys for message in messages]
    return plain + keyed


def test_whoever_knows_every_id_but_not_the_key_matches_nobody(pseudonyms: set[uuid.UUID]) -> None:
    assert len(pseudonyms) == len(PEOPLE)
    known = {each.bytes for each in pseudonyms}
    tried = 0
    for person in islice(PEOPLE, 500):
        for digest in guesses(person):
            tried += 1
            assert digest[:16] not in known and digest[-16:] not in known
    assert tried > 50_000


def test_the_sweep_above_would_find_a_key_that_is_known() -> None:
    person = PEOPLE[0]
    with override_settings(TELEMETRY_HASH_KEY="rhesis-telemetry"):
        assert pseudonym(Kind.USER, person).bytes in {digest[:16] for digest in guesses(person)}


def test_another_key_gives_other_pseudonyms(pseudonyms: set[uuid.UUID]) -> None:
    with override_settings(TELEMETRY_HASH_KEY=OTHER_KEY):
        assert pseudonyms.isdisjoint(pseudonym(Kind.USER, person) for person in PEOPLE)


def test_equal_ids_of_different_kinds_share_nothing(pseudonyms: set[uuid.UUID]) -> None:
    with override_settings(TELEMETRY_HASH_KEY=KEY):
        for kind in set(Kind) - {Kind.USER}:
            assert pseudonyms.isdisjoint(pseudonym(kind, person) for person in PEOPLE)


def test_the_same_id_is_the_same_pseudonym_however_it_is_written() -> None:
    assert pseudonym(Kind.USER, PEOPLE[0]) == pseudonym(Kind.USER, str(PEOPLE[0]))


def test_without_a_key_of_its_own_it_is_derived_from_the_secret_key_and_is_not_it() -> None:
    with override_settings(SECRET_KEY="a"):
        first = pseudonym(Kind.USER, PEOPLE[0])
    with override_settings(SECRET_KEY="b"):
        assert pseudonym(Kind.USER, PEOPLE[0]) != first
    direct = hmac.new(b"a", f"user\0{PEOPLE[0]}".encode(), hashlib.sha256).digest()[:16]
    assert first.bytes != direct


def test_a_pseudonym_has_all_its_bits() -> None:
    """Each of the 128 is as often set as not: nothing of a UUID's version or of the id shines through."""
    set_bits = [0] * 128
    for person in PEOPLE:
        value = pseudonym(Kind.USER, person).int
        for bit in range(128):
            set_bits[bit] += value >> bit & 1
    # Six standard deviations of 2000 fair throws to either side.
    assert all(1000 - 135 < count < 1000 + 135 for count in set_bits)
