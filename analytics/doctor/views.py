"""The doctor's findings as a staff page, and measurements for Prometheus."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from analytics.conf import conf
from analytics.doctor import examine
from analytics.doctor.finding import Level
from analytics.doctor.measurements import exposition
from analytics.show.digest import may_see_reports


def installation_page(request: HttpRequest) -> HttpResponse:
    """Show the findings of `manage.py telemetry_doctor`, the worst first."""
    if not may_see_reports(request.user):
        raise PermissionDenied
    findings = sorted(examine(), key=lambda finding: -finding.level)
    context = {
        **admin.site.each_context(request),
        "is_nav_sidebar_enabled": False,
        "title": "Installation",
        "findings": findings,
        "worst": max(finding.level for finding in findings).name.lower(),
        "is_well": findings[0].level is Level.WELL,
    }
    return TemplateResponse(request, "admin/analytics/installation.html", context)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Measurements for Prometheus: 404 without TELEMETRY_METRICS_TOKEN, 401 if the request's token is another."""
    if not conf.metrics_token:
        raise Http404
    if not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {conf.metrics_token}"):
        return HttpResponse(
            "Send TELEMETRY_METRICS_TOKEN as `Authorization: Bearer ...`.\n",
            status=401,
            content_type="text/plain",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)
