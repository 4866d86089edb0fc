"""A call of the log as a command: run in a real shell, with a curl that writes down what it was given."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from integrations.redaction import MASK, Redactor
from monitoring.curl import curl_command

_CURL = """#!/bin/sh
for given in "$@"; do printf '%s\\0' "$given"; done
"""


def given_to_curl(command: str, tmp_path: Path, **variables: str) -> list[str]:
    fake = tmp_path / "curl"
    fake.write_text(_CURL)
    fake.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", **variables}
    ran = subprocess.run(["/bin/sh", "-c", command], capture_output=True, env=environment, cwd=tmp_path, check=True)
    assert ran.stderr == b""
    return ran.stdout.decode().split("\0")[:-1]


def test_secrets_are_variables_named_after_what_they_stand_for(tmp_path: Path) -> None:
    redactor = Redactor(["sk_test_sample_not_a_key"])
    headers = redactor.headers(
        {"Authorization": "Bearer sk_test_sample_not_a_key", "X-API-Key": "abcd", "Accept": "*/*"}
    )
    body = redactor.body(b'{"client_secret": "xyz", "amount": 10}', "application/json")
    url = redactor.url("https://api.example.com/v1?access_key=abc&expand[]=a")
    command = curl_command("POST", url, headers, body)
    assert MASK not in command
    given = given_to_curl(
        command, tmp_path, AUTHORIZATION="Bearer mine", X_API_KEY="k", CLIENT_SECRET="s", ACCESS_KEY="a b"
    )
    assert given == [
        "--globoff", "--request", "POST", "https://api.example.com/v1?access_key=a b&expand[]=a",
        "--header", "Authorization: Bearer mine", "--header", "X-API-Key: k", "--header", "Accept: */*",
        "--data-raw", '{"client_secret":"s","amount":10}',
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "it's",
        'say "hi"',
        "$(touch owned)",
        "`touch owned`",
        "a\\b",
        "line\nbreak",
        "!history",
        "عباءة",
        "@file",
        "-x",
        "*",
    ],
)
def test_whatever_a_call_holds_the_shell_takes_it_as_it_is(text: str, tmp_path: Path) -> None:
    command = curl_command("PUT", f"https://example.com/{text}", {"X-Note": text}, text)
    given = given_to_curl(command, tmp_path)
    assert given[2:] == ["PUT", f"https://example.com/{text}", "--header", f"X-Note: {text}", "--data-raw", text]
    assert not (tmp_path / "owned").exists()


def test_what_the_log_has_not_as_a_whole_is_read_from_a_file(tmp_path: Path) -> None:
    for body in ("<2048 bytes of application/pdf>", "a cut body… [99999 bytes in all]"):
        command = curl_command("POST", "https://example.com/", {"Content-Length": "2048", "X-Empty": ""}, body)
        assert given_to_curl(command, tmp_path)[3:] == [
            "https://example.com/", "--header", "X-Empty;", "--data-binary", "@body",
        ]  # fmt: skip
    assert "--head" in curl_command("HEAD", "https://example.com/", {}, "")
