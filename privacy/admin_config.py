"""Django's admin with a site that records what staff look at, for `INSTALLED_APPS`."""

from django.contrib.admin.apps import AdminConfig


class RecordedAdminConfig(AdminConfig):
    default_site = "privacy.recorded_admin.RecordedAdminSite"
