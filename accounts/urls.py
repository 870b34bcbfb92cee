"""Signing in and out, for people and for programs."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
