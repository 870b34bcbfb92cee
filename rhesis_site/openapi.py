"""What every operation of the API may answer besides success, added to the OpenAPI schema in one place."""

from typing import Any

ERROR = {
    "type": "object",
    "properties": {"detail": {"type": "string"}},
    "required": ["detail"],
}
INVALID = {
    "description": "Something in the request cannot be used: `detail` says what, or each field what is wrong with it.",
    "content": {"application/json": {"schema": {"type": "object"}}},
}


def _refusal(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


REFUSALS = {
    "401": _refusal("No session token, or one that is wrong, expired or revoked."),
    "403": _refusal("A session cookie without its CSRF token, or something this person may not do."),
    "405": _refusal("There is no such method here."),
    "415": _refusal("The body is not JSON."),
    "429": _refusal("Too many of these; `Retry-After` says when to try again."),
}


def add_refusals(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Post-processing hook of drf-spectacular. An operation's own description of a status stays."""
    result["components"].setdefault("schemas", {})["Error"] = ERROR
    for operations in result["paths"].values():
        for operation in operations.values():
            for status, answer in {"400": INVALID, **REFUSALS}.items():
                operation["responses"].setdefault(status, answer)
    return result
