"""A receipt of a choice is machine-readable, signed, and not one bit of it can change unnoticed."""

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from privacy import choices
from privacy.models import ConsentEvent, LedgerLink, Source
from privacy.receipt_keys import NoKeys, from_base64, own_keys, parse_keys, published, to_base64
from privacy.receipts import NotValid, verify
from privacy.switches import RECEIPT_KEY
from tests.support.people import a_person, signed_in, someone_who_shares, with_token

pytestmark = pytest.mark.django_db
KEYS = "/.well-known/consent-receipt-keys"


def newest(person: User) -> ConsentEvent:
    return ConsentEvent.objects.filter(user_id=person.pk).latest("recorded_at")


def switched_off(person: User) -> User:
    choices.choose(person.pk, enabled=False, source=Source.API, actor_id=person.pk)
    return person


def downloaded(person: User) -> bytes:
    """The receipt of the newest line, by the address that the history has."""
    client = with_token(person)
    address = client.get("/api/users/telemetry/history").json()["results"][0]["receipt"]
    answer = client.get(address)
    assert answer.status_code == HTTPStatus.OK and answer["Content-Type"] == "application/ld+json"
    return bytes(answer.content)


def status_of(receipt: bytes) -> dict[str, Any]:
    [process] = json.loads(receipt)["dpv:hasRecordOfActivity"]["dpv:hasProcess"]
    [status] = process["dpv:hasConsentStatus"]
    return dict(status)


def test_a_receipt_has_who_chose_what_when_on_which_notice_and_its_place_in_the_ledger() -> None:
    person = a_person()
    choices.note_notice_shown(person.pk, 1, browser_signal=False)
    choices.choose(person.pk, enabled=True, source=Source.SETTINGS_PAGE, actor_id=person.pk)
    connection.check_constraints()
    event, receipt = newest(person), downloaded(person)
    document = verify(receipt, own_keys())
    record = document["dpv:hasRecordOfActivity"]
    assert record["dpv:hasDataSubject"]["dct:identifier"] == str(person.pk)
    assert record["dpv:hasProcess"][0]["dpv:hasNotice"]["dct:hasVersion"] == "1"
    assert status_of(receipt) == {
        "@type": ["dpv:ConsentGiven"],
        "dpv:isExercisedAt": "Settings page",
        "dpv:isIndicatedAtTime": event.recorded_at.isoformat(),
        "dpv:isIndicatedBy": "dpv:DataSubject",
    }
    link = LedgerLink.objects.get(event_id=event.pk)
    assert document["rhesis:ledgerLink"] == {"rhesis:number": link.number, "rhesis:hash": link.hash}
    assert isinstance(document["@context"], dict)  # nothing to fetch


def test_off_is_a_withdrawal_of_consent_or_a_refusal_and_staff_do_it_as_the_controller() -> None:
    assert status_of(downloaded(switched_off(someone_who_shares())))["@type"] == ["dpv:ConsentWithdrawn"]
    assert status_of(downloaded(switched_off(a_person())))["@type"] == ["dpv:ConsentRefused"]
    person, staff = someone_who_shares(), a_person(is_staff=True)
    choices.choose(person.pk, enabled=False, source=Source.ADMIN, actor_id=staff.pk)
    assert status_of(downloaded(person))["dpv:isIndicatedBy"] == "dpv:DataController"


def test_only_ones_own_choices_have_receipts() -> None:
    person, other = someone_who_shares(), with_token(a_person())
    address = f"/api/users/telemetry/history/{newest(person).pk}/receipt"
    assert other.get(address).status_code == HTTPStatus.NOT_FOUND
    choices.note_notice_shown(person.pk, 1, browser_signal=False)
    client = with_token(person)
    assert client.get("/api/users/telemetry/history").json()["results"][0]["receipt"] is None
    address = f"/api/users/telemetry/history/{newest(person).pk}/receipt"
    assert client.get(address).status_code == HTTPStatus.NOT_FOUND


def test_the_page_links_the_receipt() -> None:
    person = someone_who_shares()
    page = signed_in(person).get("/settings/privacy/").content.decode()
    assert f'href="/api/users/telemetry/history/{newest(person).pk}/receipt"' in page


def test_every_changed_bit_is_found() -> None:
    receipt, keys = downloaded(someone_who_shares()), own_keys()
    for place in range(len(receipt)):
        for bit in range(8):
            changed = bytearray(receipt)
            changed[place] ^= 1 << bit
            with pytest.raises(NotValid):
                verify(bytes(changed), keys)


@pytest.mark.parametrize(
    "text", [b"", b"\xff", b"[]", b"{}", b"null", b'{"signature":1}', b'{"signature":"a.b"}', b"[" * 100_000]
)
def test_what_is_no_receipt_is_named_so(text: bytes) -> None:
    with pytest.raises(NotValid, match="no signed receipt"):
        verify(text, own_keys())


def test_a_signature_of_another_kind_is_refused() -> None:
    document = json.loads(downloaded(someone_who_shares()))
    header = to_base64(b'{"alg":"none","kid":"x"}')
    for signature in (f"{header}..", f"{header}.." + "AAAA"):
        with pytest.raises(NotValid, match="another kind"):
            verify(json.dumps(document | {"signature": signature}).encode(), own_keys())


def test_a_name_twice_is_no_receipt() -> None:
    """Programs differ in which of the two they read."""
    receipt = downloaded(someone_who_shares())
    with pytest.raises(NotValid):
        verify(b'{"@id":"urn:x",' + receipt[1:], own_keys())


def test_the_published_keys_verify_with_nothing_of_this_project(client: Any) -> None:
    answer = client.get(KEYS)
    [key] = answer.json()["keys"]
    assert answer["Content-Type"] == "application/jwk-set+json" and (key["kty"], key["crv"]) == ("OKP", "Ed25519")
    assert set(key) == {"alg", "crv", "kid", "kty", "use", "x"}  # and nothing private
    document = json.loads(downloaded(someone_who_shares()))
    protected, _, signature = document.pop("signature").split(".")
    content = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    public = Ed25519PublicKey.from_public_bytes(from_base64(key["x"]))
    public.verify(from_base64(signature), f"{protected}.{to_base64(content)}".encode())


def test_receipts_stay_valid_when_the_key_is_replaced_and_listed(settings: Settings) -> None:
    derived = downloaded(someone_who_shares())
    settings.TELEMETRY_RECEIPT_KEY = "a first key of receipts"
    first = downloaded(someone_who_shares())
    settings.TELEMETRY_RECEIPT_KEY = "a second key of receipts"
    with pytest.raises(NotValid, match="not among these"):
        verify(first, own_keys())
    settings.TELEMETRY_RECEIPT_KEY_PREVIOUS = "a first key of receipts"
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another secret key"
    for receipt in (derived, first, downloaded(someone_who_shares())):
        verify(receipt, own_keys())
    assert len(published()["keys"]) == 4


@pytest.mark.parametrize("text", ["short", "with a comma, which parts the list", "não é ASCII, nem curto"])
def test_a_key_that_will_not_do_is_a_numbered_problem(text: str) -> None:
    assert RECEIPT_KEY.problem(lambda name: text) and RECEIPT_KEY.read(lambda name: text) == ""


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"keys":[]}', '{"keys":[{"crv":"P-256"}]}', '{"crv":"Ed25519","x":"AA"}', "1"]
)
def test_what_holds_no_key_is_named_so(text: str) -> None:
    with pytest.raises(NoKeys):
        parse_keys(text)


def test_the_command_answers_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    person = someone_who_shares()
    receipt, keys = tmp_path / "receipt.jsonld", tmp_path / "keys.json"
    receipt.write_bytes(downloaded(person))
    keys.write_text(json.dumps(published()))
    call_command("verify_receipt", str(receipt))
    assert capsys.readouterr().out == f"Valid. ConsentGiven at {newest(person).recorded_at.isoformat()}\n"
    settings.SECRET_KEY = "another installation's"
    call_command("verify_receipt", str(receipt), key=str(keys))

    def refused(*words: str, **options: str) -> int:
        with pytest.raises(CommandError) as caught:
            call_command("verify_receipt", *words, **options)
        assert "\n" not in str(caught.value)
        return int(caught.value.returncode)

    assert refused(str(receipt)) == 1
    assert refused(str(tmp_path / "none")) == refused(str(receipt), key=str(receipt)) == 2
    receipt.write_bytes(receipt.read_bytes().replace(b"ConsentGiven", b"ConsentGiveo"))
    assert refused(str(receipt), key=str(keys)) == 1
