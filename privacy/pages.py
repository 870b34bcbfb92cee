"""Pages for people, which extend the project's own template: TELEMETRY_BASE_TEMPLATE, by default base.html."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def base_template() -> str:
    """Name of the template with the blocks that docs/adopt.md shows."""
    return getattr(settings, "TELEMETRY_BASE_TEMPLATE", None) or "base.html"


def render_page(request: HttpRequest, template: str, context: Mapping[str, Any], status: int = 200) -> HttpResponse:
    return render(request, template, {"base_template": base_template(), **context}, status=status)
