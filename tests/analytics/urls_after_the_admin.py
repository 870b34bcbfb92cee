"""A URLconf in which the admin's catch-all hides the reports."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("privacy.urls")),
    path("admin/", admin.site.urls),
    path("", include("analytics.urls")),
]
