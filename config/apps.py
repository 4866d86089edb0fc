"""The admin with our site in it, so that members of organizations may sign in too."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class HubAdminConfig(AdminConfig):
    default_site = "integrations.admin_site.HubAdminSite"
