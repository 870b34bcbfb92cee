"""A URLconf without ours."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
