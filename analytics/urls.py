"""Addresses of analytics. The reports stand among the admin's, ahead of its own."""

from django.contrib import admin
from django.urls import path

from analytics.show import views

urlpatterns = [
    path("admin/analytics/reports/", admin.site.admin_view(views.reports_page), name="reports"),
    path(
        "admin/analytics/reports/<slug:name>.<slug:extension>",
        admin.site.admin_view(views.report_download),
        name="report-download",
    ),
]
