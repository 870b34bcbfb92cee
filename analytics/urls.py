"""Addresses of analytics outside the admin."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
