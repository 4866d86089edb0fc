"""The pages of this floor, under /integrations/."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from .pages import organizations

urlpatterns: list[URLPattern | URLResolver] = [
    path("switch-organization/", organizations.switch_organization, name="switch-organization"),
]
