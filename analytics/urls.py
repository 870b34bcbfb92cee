"""URLs of the relay for browsers, of measurements, and of staff pages, which must come before the admin's own URLs."""

from django.contrib import admin
from django.urls import path

from analytics.collect.relay import views as relay
from analytics.doctor import views as operator
from analytics.show import api, views
from privacy.transactions import without_atomic_requests

urlpatterns = without_atomic_requests(
    [
        path("v1/traces", relay.traces, name="browser-traces"),
        path("v1/identity", relay.identity, name="browser-identity"),
        path("v1/catalogue", relay.catalogue, name="browser-catalogue"),
        path("metrics", operator.metrics, name="metrics"),
        path("api/reports", api.Reports.as_view(), name="api-reports"),
        path("api/reports/<path:name>", api.ReportRows.as_view(), name="api-report"),
        path("admin/analytics/installation/", admin.site.admin_view(operator.installation_page), name="installation"),
        path("admin/analytics/reports/", admin.site.admin_view(views.reports_page), name="reports"),
        path("admin/analytics/reports/digest", admin.site.admin_view(views.digest_page), name="reports-digest"),
        path("admin/analytics/reports/<slug:name>/", admin.site.admin_view(views.reports_page), name="report-page"),
        path(
            "admin/analytics/reports/<slug:name>.<slug:extension>",
            admin.site.admin_view(views.report_download),
            name="report-download",
        ),
    ]
)
