"""The process in which Apprise runs: whatever a plugin does, nothing inside is reached and no file is read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.wire import WireAnswer, WireServer

_PLUGIN = """
import json, sys, os, socket, subprocess
from monitoring.alerting import addresses, courier_process

class Plugin:
    asset = None

def wicked(*args, **kwargs):
    {action}

courier_process._send = lambda plugin, request, guard, log: (wicked(), guard)
addresses.read_address = lambda url: addresses.Address(Plugin(), addresses.BY_SCHEME["jsons"], "jsons://…")
settings = {{"EGRESS_ALLOW": [], "PUBLIC_URL": "http://hub", "SANDBOX": False}}
courier_process.serve(iter([json.dumps(settings), json.dumps({{"url": "", "body": ""}})]), sys.stdout)
"""


def answer_of(action: str) -> dict[str, object]:
    """What the courier's process answers when a plugin does `action` while a message is sent."""
    script = _PLUGIN.format(action=action)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, timeout=60, check=True
    )
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize(
    "action",
    [
        "socket.create_connection(('127.0.0.1', {port}), 2)",
        "socket.create_connection(('localhost', {port}), 2)",
        "__import__('requests').get('http://127.0.0.1:{port}/', timeout=2)",
        "__import__('threading').Thread(target=lambda: socket.create_connection(('127.0.0.1', {port}))).start()",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {port}))",
        "socket.socket(socket.AF_UNIX).connect('/tmp/nothing')",
        "subprocess.run(['true'])",
        "os.system('true')",
    ],
)
def test_no_plugin_reaches_the_network_or_starts_a_program(action: str) -> None:
    with WireServer(lambda request: WireAnswer(200)) as wire:
        answer = answer_of(action.format(port=wire.port))
        assert wire.requests == []
        assert wire.connections == 0
    if "Thread" not in action:
        assert answer["code"] == "egress_refused"


@pytest.mark.parametrize("action", ["open('/etc/passwd')", "open('README.md')", "open('{folder}/made', 'w')"])
def test_no_plugin_reads_or_writes_files_of_this_machine(action: str, tmp_path: Path) -> None:
    assert answer_of(action.format(folder=tmp_path))["template"] == "PermissionError"
    assert not list(tmp_path.iterdir())
