"""Pseudonyms: nobody without key and salt can tell whose they are, and nobody without the secret can open one."""

import hashlib
import hmac
import re
import uuid
from itertools import islice, product
from pathlib import Path

import pytest
from django.test import override_settings

from analytics.checks import check_settings
from analytics.identity import Kind, commitment, pseudonym, pseudonyms_of, secrets_of

PEOPLE = [uuid.uuid5(uuid.NAMESPACE_URL, str(number)) for number in range(2000)]
SALT, OTHER_SALT = uuid.UUID(int=1), uuid.UUID(int=2)
KEY, OTHER_KEY = "the key of one installation", "the key of another one"
DOCUMENT = (Path(__file__).parents[2] / "docs/pseudonyms.md").read_text()


@pytest.fixture
def pseudonyms() -> set[uuid.UUID]:
    with override_settings(TELEMETRY_HASH_KEY=KEY):
        return {pseudonym(Kind.USER, person, SALT) for person in PEOPLE}


def guesses(person: uuid.UUID, salts: tuple[uuid.UUID, ...] = ()) -> list[bytes]:
    """What someone who knows every id and the algorithm would try first, and with these salts."""
    texts = [str(person), person.hex, person.urn, str(person).upper()]
    prefixes = ["", "user\0", "user:", "user", "\0"]
    suffixes = ["", "\0", *(f"\0{salt}" for salt in salts)]
    messages = [f"{prefix}{text}{suffix}".encode() for prefix, text, suffix in product(prefixes, texts, suffixes)]
    messages += [person.bytes, b"user\0" + person.bytes]
    keys = [b"", b"\0" * 32, b"rhesis", b"rhesis-telemetry", b"secret", b"user", person.bytes]
    plain = [hashlib.new(name, message).digest() for name in ("md5", "sha1", "sha256") for message in messages]
    keyed = [hmac.new(key, message, hashlib.sha256).digest() for key in keys for message in messages]
    return [*plain, *keyed, *(hashlib.sha256(each).digest() for each in plain + keyed)]


def as_pseudonym(digest: bytes) -> uuid.UUID:
    """By the standard library, which knows the bits of version 8 only as of Python 3.14."""
    found = bytearray(digest[:16])
    found[6], found[8] = found[6] & 0x0F | 0x80, found[8] & 0x3F | 0x80
    return uuid.UUID(bytes=bytes(found))


def test_whoever_knows_every_id_but_not_the_key_matches_nobody(pseudonyms: set[uuid.UUID]) -> None:
    assert len(pseudonyms) == len(PEOPLE)
    tried = 0
    for person in islice(PEOPLE, 300):
        for digest in guesses(person, (SALT,)):
            tried += 1
            assert as_pseudonym(digest) not in pseudonyms
    assert tried > 50_000


def test_whoever_knows_every_id_and_the_key_but_not_the_salt_matches_nobody(pseudonyms: set[uuid.UUID]) -> None:
    with override_settings(TELEMETRY_HASH_KEY=KEY):
        for salt in ("", OTHER_SALT, "salt", uuid.UUID(int=0)):
            assert pseudonyms.isdisjoint(pseudonym(Kind.USER, person, salt) for person in PEOPLE)


def test_the_sweep_above_would_find_a_key_that_is_known() -> None:
    person = PEOPLE[0]
    with override_settings(TELEMETRY_HASH_KEY="rhesis-telemetry"):
        assert pseudonym(Kind.USER, person, SALT) in {as_pseudonym(digest) for digest in guesses(person, (SALT,))}


def test_another_key_gives_other_pseudonyms(pseudonyms: set[uuid.UUID]) -> None:
    with override_settings(TELEMETRY_HASH_KEY=OTHER_KEY):
        assert pseudonyms.isdisjoint(pseudonym(Kind.USER, person, SALT) for person in PEOPLE)


def test_equal_ids_of_different_kinds_share_nothing(pseudonyms: set[uuid.UUID]) -> None:
    with override_settings(TELEMETRY_HASH_KEY=KEY):
        for kind in set(Kind) - {Kind.USER}:
            assert pseudonyms.isdisjoint(pseudonym(kind, person, SALT) for person in PEOPLE)


def test_the_same_id_is_the_same_pseudonym_however_it_is_written() -> None:
    assert pseudonym(Kind.USER, PEOPLE[0], SALT) == pseudonym(Kind.USER, str(PEOPLE[0]), str(SALT))


def test_without_a_key_of_its_own_it_is_derived_from_the_secret_key_and_is_not_it() -> None:
    with override_settings(SECRET_KEY="a"):
        first = pseudonym(Kind.USER, PEOPLE[0], SALT)
    with override_settings(SECRET_KEY="b"):
        assert pseudonym(Kind.USER, PEOPLE[0], SALT) != first
    direct = hmac.new(b"a", f"user\0{PEOPLE[0]}\0{SALT}".encode(), hashlib.sha256).digest()
    assert first != commitment(direct)


def test_a_pseudonym_has_all_its_bits_but_those_of_version_8() -> None:
    """Each of the other 122 is as often set as not: nothing of the id shines through."""
    set_bits = [0] * 128
    for person in PEOPLE:
        found = pseudonym(Kind.USER, person, SALT)
        assert (found.version, found.variant) == (8, uuid.RFC_4122)
        for bit in range(128):
            set_bits[bit] += found.int >> bit & 1
    fixed = {63: 2000, 62: 0, 79: 2000, 78: 0, 77: 0, 76: 0}
    assert {bit: set_bits[bit] for bit in fixed} == fixed
    # Six standard deviations of 2000 fair throws to either side.
    assert all(1000 - 135 < number < 1000 + 135 for bit, number in enumerate(set_bits) if bit not in fixed)


def test_a_secret_opens_its_own_pseudonym_and_no_other() -> None:
    with override_settings(TELEMETRY_HASH_KEY=KEY, TELEMETRY_HASH_KEY_PREVIOUS=OTHER_KEY):
        opened = [commitment(secret) for secret in secrets_of(PEOPLE[0], SALT)]
        assert opened == pseudonyms_of(PEOPLE[0], SALT)
        assert set(opened).isdisjoint(pseudonyms_of(PEOPLE[1], SALT))


def test_pseudonyms_under_previous_keys_come_after_the_present_one() -> None:
    def under(key: str) -> uuid.UUID:
        with override_settings(TELEMETRY_HASH_KEY=key):
            return pseudonym(Kind.USER, PEOPLE[0], SALT)

    third = "the key of a third year"
    with override_settings(TELEMETRY_HASH_KEY=third, TELEMETRY_HASH_KEY_PREVIOUS=f"{OTHER_KEY}, {KEY}, derived"):
        assert pseudonyms_of(PEOPLE[0], SALT) == [under(third), under(OTHER_KEY), under(KEY), under("")]
        assert pseudonym(Kind.USER, PEOPLE[0], SALT) == under(third), "nothing new is stored under a previous key"


@pytest.mark.parametrize("keys", [{}, {"TELEMETRY_HASH_KEY": KEY, "TELEMETRY_HASH_KEY_PREVIOUS": "derived"}])
def test_what_was_stored_under_a_replaced_secret_key_is_found(keys: dict[str, str]) -> None:
    with override_settings(SECRET_KEY="a secret key that somebody has seen"):
        before = pseudonym(Kind.USER, PEOPLE[0], SALT)
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=["a secret key that somebody has seen"], **keys):
        assert before in pseudonyms_of(PEOPLE[0], SALT) and before != pseudonym(Kind.USER, PEOPLE[0], SALT)


def test_a_key_that_is_its_own_predecessor_is_one_key() -> None:
    with override_settings(TELEMETRY_HASH_KEY=KEY, TELEMETRY_HASH_KEY_PREVIOUS=f"{KEY},{KEY}"):
        assert len(pseudonyms_of(PEOPLE[0], SALT)) == 1


@pytest.mark.parametrize("text", ["short", f"{KEY},short", "Derived"])
def test_a_previous_key_that_cannot_be_one_is_a_numbered_error_and_its_text_is_in_no_message(text: str) -> None:
    with override_settings(TELEMETRY_HASH_KEY_PREVIOUS=text):
        [found] = [each for each in check_settings(None) if each.id == "analytics.E044"]
        assert "TELEMETRY_HASH_KEY_PREVIOUS" in str(found) and text not in str(found)
        assert len(pseudonyms_of(PEOPLE[0], SALT)) == 1


VECTOR = r"^\| `(\w+)` \| `([^`]+)` \| (?:`([^`]*)`|none) \| `(\w{64})` \| `([0-9a-f-]{36})` \|$"
VECTORS = re.findall(VECTOR, DOCUMENT, re.MULTILINE)


@pytest.mark.parametrize(("kind", "identifier", "salt", "secret", "expected"), VECTORS)
def test_the_documents_vectors_are_true(kind: str, identifier: str, salt: str, secret: str, expected: str) -> None:
    identifier = identifier.replace("\\0", "\0")
    [key] = re.findall(r"the key `([^`]+)`", DOCUMENT)
    with override_settings(TELEMETRY_HASH_KEY=key):
        assert str(pseudonym(Kind(kind), identifier, salt)) == expected
    assert str(commitment(bytes.fromhex(secret))) == expected
    assert hmac.new(key.encode(), f"{kind}\0{identifier}\0{salt}".encode(), "sha256").hexdigest() == secret


def test_the_pseudonym_of_a_person_whose_key_is_a_uuid_never_changes() -> None:
    """Written out here besides, so that code and document cannot change together unnoticed: rows in use have it."""
    person, salt = uuid.UUID("8f14e45f-ceea-467f-a9d3-2b1c7a1e0d42"), uuid.UUID("3d813cbb-47fb-42ba-91df-831e1593ac29")
    with override_settings(TELEMETRY_HASH_KEY="a key for test vectors only: 32+"):
        assert pseudonyms_of(person, salt) == [uuid.UUID("fdd428cf-6a9c-800e-b5a0-521ebfb9b8b0")]
        assert pseudonym(Kind.USER, person, salt) == pseudonyms_of(person, salt)[0]


def test_there_is_a_vector_for_each_kind() -> None:
    assert {kind for kind, *_ in VECTORS} == {kind.value for kind in Kind}
