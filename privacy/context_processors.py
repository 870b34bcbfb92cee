"""The notice, for templates."""

from typing import Any

from django.http import HttpRequest


def privacy_notice(request: HttpRequest) -> dict[str, Any]:
    return {}
