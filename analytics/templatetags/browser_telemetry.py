"""`{% browser_telemetry as telemetry %}`: what a page tells its telemetry script; None for no script."""

from typing import Any

from django import template
from django.http import HttpRequest

from analytics.collect.relay.page import Page, page_for

register = template.Library()


@register.simple_tag(takes_context=True)
def browser_telemetry(context: dict[str, Any]) -> Page | None:
    """Asks the gate (one query) for signed-in people where there is browser telemetry, and nothing for anybody else."""
    request = context.get("request")
    return page_for(request) if isinstance(request, HttpRequest) else None
