"""URLs of the relay for browsers, and of the reports, which must come before the admin's own URLs."""

from django.contrib import admin
from django.urls import path

from analytics.collect.relay import views as relay
from analytics.show import views

urlpatterns = [
    path("v1/traces", relay.traces, name="browser-traces"),
    path("v1/identity", relay.identity, name="browser-identity"),
    path("v1/catalogue", relay.catalogue, name="browser-catalogue"),
    path("admin/analytics/reports/", admin.site.admin_view(views.reports_page), name="reports"),
    path("admin/analytics/reports/<slug:name>/", admin.site.admin_view(views.reports_page), name="report-page"),
    path(
        "admin/analytics/reports/<slug:name>.<slug:extension>",
        admin.site.admin_view(views.report_download),
        name="report-download",
    ),
]
