"""Signed receipts of choices: ISO/IEC TS 27560:2023 in the W3C Data Privacy Vocabulary, as JSON-LD.

The context is in the receipt, so no program needs to fetch one. A receipt is canonical JSON (RFC 8785). Its member
`signature` is a JSON Web Signature with detached content (RFC 7515, appendix F; Ed25519 as in RFC 8037): of the receipt
without that member, also as canonical JSON.
"""

import json
from typing import Any

from cryptography.exceptions import InvalidSignature

from privacy.models import Action, ConsentEvent, LedgerLink, PrivacyNotice
from privacy.receipt_keys import Keys, from_base64, key_id, signing_keys, to_base64

CHOICES = (Action.ENABLED, Action.DISABLED)
CONTEXT = {
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rhesis": "urn:rhesis:receipt:",
    "skos": "http://www.w3.org/2004/02/skos/core#",
}
SCHEMA = "https://w3id.org/dpv/schema/dpv-27560"
RETENTION = "P12M"


class NotValid(ValueError):
    """The receipt is not what was signed; the message is the reason, a sentence."""


def receipt_of(event: ConsentEvent, controller: str) -> bytes:
    """The signed receipt of a choice. `controller` is the site's address, such as https://rhesis.example/."""
    document = _document(event, controller)
    key = signing_keys()[0]
    protected = to_base64(_canonical({"alg": "EdDSA", "kid": key_id(key.public_key())}))
    signature = key.sign(_signed(protected, document))
    return _canonical(document | {"signature": f"{protected}..{to_base64(signature)}"})


def verify(receipt: bytes, keys: Keys) -> dict[str, Any]:
    """The receipt's document. Raises NotValid."""
    try:
        document: dict[str, Any] = json.loads(receipt, object_pairs_hook=_without_repeats)
        protected, content, signature = document.pop("signature").split(".")
        header = json.loads(from_base64(protected))
        algorithm, kid, signed = header["alg"], header["kid"], from_base64(signature)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NotValid("This is no signed receipt, or its form was changed.") from None
    if algorithm != "EdDSA" or content:
        raise NotValid("The signature is of another kind than this site's.")
    if kid not in keys:
        raise NotValid("The receipt is signed by a key that is not among these.")
    try:
        keys[kid].verify(signed, _signed(protected, document))
    except InvalidSignature:
        raise NotValid("The receipt was changed after it was signed.") from None
    return document


def _signed(protected: str, document: dict[str, Any]) -> bytes:
    return f"{protected}.{to_base64(_canonical(document))}".encode()


def _canonical(document: dict[str, Any]) -> bytes:
    """RFC 8785 for documents whose keys are ASCII and whose numbers are whole."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _document(event: ConsentEvent, controller: str) -> dict[str, Any]:
    link = LedgerLink.objects.filter(event_id=event.pk).first()
    return {
        "@context": CONTEXT,
        "@id": f"urn:uuid:{event.pk}",
        "@type": "dpv:ConsentReceipt",
        "dct:conformsTo": f"{SCHEMA}#receipt",
        "dct:identifier": str(event.pk),
        "dct:publisher": {"@id": controller},
        "dpv:hasRecordOfActivity": {
            "@type": "dpv:ConsentRecord",
            "dct:conformsTo": f"{SCHEMA}#record",
            "dct:identifier": str(event.pk),
            "dpv:hasDataSubject": {"@type": "dpv:User", "dct:identifier": str(event.user_id)},
            "dpv:hasProcess": [_process(event, controller)],
        },
        "rhesis:ledgerLink": None if link is None else {"rhesis:number": link.number, "rhesis:hash": link.hash},
    }


def _process(event: ConsentEvent, controller: str) -> dict[str, Any]:
    return {
        "@type": ["dpv:Process"],
        "dct:title": "Sharing of usage data",
        "dpv:hasPurpose": ["dpv:ServiceUsageAnalytics", "dpv:ImproveExistingProductsAndServices"],
        "dpv:hasPersonalData": [
            {"@type": ["dpv:PseudonymisedData"], "skos:prefLabel": label}
            for label in ("Features used", "Pages requested and their durations", "Sign-ins and sessions")
        ],
        "dpv:hasProcessing": ["dpv:Collect", "dpv:Pseudonymise", "dpv:Store", "dpv:Analyse"],
        "dpv:hasDataController": [{"@id": controller}],
        "dpv:hasDataSource": ["dpv:DataSubjectDataSource"],
        "dpv:hasRecipient": [{"@id": controller}],
        "dpv:hasStorageCondition": [
            {
                "@type": ["dpv:StorageDuration"],
                "dpv:hasDuration": {"@type": "dpv:TemporalDuration", "rdf:value": RETENTION},
            }
        ],
        "dpv:hasLegalBasis": ["dpv:Consent"],
        "dpv:hasNotice": _notice(event.notice_version),
        "dpv:hasConsentStatus": [
            {
                "@type": [_status(event)],
                "dpv:isExercisedAt": str(event.get_source_display()),
                "dpv:isIndicatedAtTime": event.recorded_at.isoformat(),
                "dpv:isIndicatedBy": "dpv:DataSubject" if event.actor_id == event.user_id else "dpv:DataController",
            }
        ],
    }


def _notice(version: int | None) -> dict[str, Any] | None:
    """The notice that the person was shown last before; None if they were shown none."""
    notice = None if version is None else PrivacyNotice.objects.filter(pk=version).first()
    if notice is None:
        return None
    return {
        "@type": ["dpv:ConsentNotice"],
        "dct:hasVersion": str(notice.version),
        "dct:title": notice.title,
        "dct:description": notice.body,
    }


def _status(event: ConsentEvent) -> str:
    if event.action == Action.ENABLED:
        return "dpv:ConsentGiven"
    earlier = ConsentEvent.objects.filter(user=event.user_id, action=Action.ENABLED, recorded_at__lt=event.recorded_at)
    return "dpv:ConsentWithdrawn" if earlier.exists() else "dpv:ConsentRefused"
