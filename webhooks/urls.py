from __future__ import annotations

from django.urls import path

from .receive import receive

urlpatterns = [path("<uuid:endpoint_id>/", receive, name="receive-webhook")]
