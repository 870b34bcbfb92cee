"""Settings -> Privacy, and its API."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
