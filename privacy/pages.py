"""Pages for people, which extend the project's own template and name its product."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def base_template() -> str:
    """TELEMETRY_BASE_TEMPLATE: name of the template with the blocks that docs/adopt.md shows."""
    return getattr(settings, "TELEMETRY_BASE_TEMPLATE", None) or "base.html"


def product_name() -> str:
    """TELEMETRY_PRODUCT_NAME: whom people help by sharing."""
    return getattr(settings, "TELEMETRY_PRODUCT_NAME", None) or "Rhesis"


def render_page(request: HttpRequest, template: str, context: Mapping[str, Any], status: int = 200) -> HttpResponse:
    ours = {"base_template": base_template(), "product_name": product_name()}
    return render(request, template, {**ours, **context}, status=status)
