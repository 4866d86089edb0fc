"""The floor of webhook_ingest: a bare Django view, one HMAC and one INSERT, nothing else."""

from __future__ import annotations

import hashlib
import hmac
import os

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

SECRET = b"whsec_bench_not_a_secret"


def configure() -> None:
    from config.environment import Environment
    from config.settings import BASE_DIR

    database = Environment(BASE_DIR).database("DATABASE_URL", "")
    options = {**database.get("OPTIONS", {}), "pool": {"min_size": 0, "max_size": 40}}
    settings.configure(
        SECRET_KEY="x" * 50,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        DATABASES={"default": {**database, "OPTIONS": options}},
        USE_TZ=True,
    )
    django.setup()


@csrf_exempt
def receive(request: HttpRequest) -> HttpResponse:
    timestamp, _, given = request.headers["Stripe-Signature"].removeprefix("t=").partition(",v1=")
    expected = hmac.new(SECRET, timestamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, given):
        return HttpResponse(status=401)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_floor (body, signature) VALUES (%s, %s)", [request.body, given])
    return HttpResponse("{}", headers={"Content-Length": "2"})


urlpatterns = [path("webhooks/", receive)]

if os.environ.get("HUB_BENCH_FLOOR"):
    configure()
    application = get_wsgi_application()
