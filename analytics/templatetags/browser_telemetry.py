"""`{% browser_telemetry as telemetry %}`: data for the page's telemetry script; None: no script."""

from typing import Any

from django import template
from django.http import HttpRequest

from analytics.collect.relay.page import Page, page_for

register = template.Library()


@register.simple_tag(takes_context=True)
def browser_telemetry(context: dict[str, Any]) -> Page | None:
    """Checks consent of signed-in people, in one query, if the site has browser telemetry."""
    request = context.get("request")
    return page_for(request) if isinstance(request, HttpRequest) else None
