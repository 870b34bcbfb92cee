"""Ed25519 keys that sign receipts, and the JSON Web Key Set (RFC 7517, RFC 8037) with their public halves.

The first key signs. The others have signed earlier receipts: those of TELEMETRY_RECEIPT_KEY_PREVIOUS, and those derived
from SECRET_KEY and SECRET_KEY_FALLBACKS.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings
from django.utils.encoding import force_bytes

from privacy.switches import RECEIPT_KEY, RECEIPT_KEY_PREVIOUS

Keys = dict[str, Ed25519PublicKey]  # by key id: the thumbprint of RFC 7638


class NoKeys(ValueError):
    """The text is neither a JSON Web Key nor a set of them, with Ed25519 keys."""


def signing_keys() -> list[Ed25519PrivateKey]:
    """Every key of this installation, the one that signs first."""
    configured = [key for key in (RECEIPT_KEY.value, *RECEIPT_KEY_PREVIOUS.value) if key]
    texts = dict.fromkeys([*configured, settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS])
    return [Ed25519PrivateKey.from_private_bytes(_seed(text)) for text in texts]


def _seed(text: str | bytes) -> bytes:
    return hmac.new(force_bytes(text), b"privacy.receipts.ed25519", sha256).digest()


def published() -> dict[str, Any]:
    """The JSON Web Key Set."""
    keys = (_as_jwk(key.public_key()) for key in signing_keys())
    return {"keys": [jwk | {"kid": _thumbprint(jwk), "alg": "EdDSA", "use": "sig"} for jwk in keys]}


def key_id(key: Ed25519PublicKey) -> str:
    return _thumbprint(_as_jwk(key))


def own_keys() -> Keys:
    return {key_id(key): key for key in (each.public_key() for each in signing_keys())}


def parse_keys(text: str) -> Keys:
    """The Ed25519 keys of a JSON Web Key or a set of them. Raises NoKeys."""
    try:
        found = json.loads(text)
        jwks = found.get("keys", [found])
        publics = [Ed25519PublicKey.from_public_bytes(from_base64(jwk["x"])) for jwk in jwks if jwk["crv"] == "Ed25519"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NoKeys from None
    if not publics:
        raise NoKeys
    return {key_id(key): key for key in publics}


def _as_jwk(key: Ed25519PublicKey) -> dict[str, str]:
    return {"crv": "Ed25519", "kty": "OKP", "x": to_base64(key.public_bytes_raw())}


def _thumbprint(jwk: dict[str, str]) -> str:
    return to_base64(sha256(json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()).digest())


def to_base64(data: bytes) -> str:
    """Base64url without padding (RFC 7515)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64(text: str) -> bytes:
    """Bytes of base64url without padding. Raises ValueError if `to_base64` writes them differently."""
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if to_base64(data) != text:
        raise ValueError("not base64url")
    return data
