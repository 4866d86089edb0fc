"""Views that fail, to see what a caller is told."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import DataError, IntegrityError, OperationalError
from django.urls import path
from rest_framework.request import Request

from config.urls import handler404 as handler404
from config.urls import handler500 as handler500
from config.urls import urlpatterns as served
from integrations.api.viewsets import HubView
from integrations.tenancy import acting_as_service

SECRET = "sk_test_canary_not_a_key"


class Fails(HubView):
    errors: ClassVar[dict[str, Exception]] = {
        "bug": KeyError(SECRET),
        "data": DataError(SECRET),
        "constraint": IntegrityError(SECRET),
        "database": OperationalError(SECRET),
    }

    def get(self, request: Request, kind: str) -> Any:
        raise self.errors[kind]


class Unwalled(HubView):
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.perform_authentication(request)
        with acting_as_service():
            self.check_permissions(request)


urlpatterns = [
    path("api/v1/fails/<str:kind>/", Fails.as_view(schema=None)),
    path("api/v1/unwalled/", Unwalled.as_view(schema=None)),
    *served,
]
