"""Error answers common to all operations, added to the OpenAPI schema."""

from typing import Any

ERROR = {
    "type": "object",
    "properties": {"detail": {"type": "string"}},
    "required": ["detail"],
}
INVALID = {
    "description": "The request is invalid: `detail` has the reason, or each field has its own.",
    "content": {"application/json": {"schema": {"type": "object"}}},
}


def _refusal(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


REFUSALS = {
    "401": _refusal("The session token is missing, wrong, expired or revoked."),
    "403": _refusal("The CSRF token of the session is missing, or the person has no permission."),
    "405": _refusal("The method is not supported here."),
    "415": _refusal("The body is not JSON."),
    "429": _refusal("Too many requests; `Retry-After` has the seconds to wait."),
}


def add_refusals(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Post-processing hook of drf-spectacular. An operation's own description of a status takes precedence."""
    result["components"].setdefault("schemas", {})["Error"] = ERROR
    for operations in result["paths"].values():
        for operation in operations.values():
            for status, answer in {"400": INVALID, **REFUSALS}.items():
                operation["responses"].setdefault(status, answer)
    return result
