"""Exports of the log, asked for and downloaded as people do it."""

from __future__ import annotations

import json

from django.test import Client

from monitoring.models import LogExport


def ask(client: Client, query: str = "period=30d", file_format: str = "csv") -> LogExport:
    response = client.post(f"/integrations/logs/exports/start/?{query}", {"format": file_format})
    assert response.status_code == 302
    return LogExport.objects.get(pk=response.url.rstrip("/").rpartition("/")[2])


def downloaded(client: Client, export: LogExport) -> bytes:
    response = client.get(f"/integrations/logs/exports/{export.pk}/file/")
    assert response.status_code == 200
    content = b"".join(response.streaming_content)
    assert int(response["Content-Length"]) == len(content)
    return content


def paths(client: Client, export: LogExport) -> list[str]:
    """Of the calls in a file of JSON lines."""
    return [json.loads(line)["endpoint"].rpartition("/")[2] for line in downloaded(client, export).splitlines()]
