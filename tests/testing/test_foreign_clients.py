"""The vectors by clients in other languages, and the mistakes that users of these clients make."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterator

import pytest
from support.foreign import CLIENTS, CONFORM, needs
from support.pages import ROOT
from support.servers import own_server

from pyjobs.engine import Keys
from pyjobs.testing import Server
from pyjobs.transport import connect, publish

VECTORS = sorted((ROOT / "lua" / "conformance").glob("*.json"))
Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that has the scripts and no queue."""
    with own_server() as server, connect(server.url) as redis:
        publish(redis, Keys())
        yield server


def run(command: str, *words: object, url: str, input: str = "") -> Done:
    return subprocess.run(
        [*shlex.split(command), *map(str, words)],
        env={**os.environ, "PYJOBS_URL": url},
        input=input,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.mark.parametrize("language", CONFORM)
def test_a_client_in_this_language_gets_what_the_vectors_say(language: str, server: Server) -> None:
    needs(language)
    done = run(CONFORM[language], *VECTORS, url=server.url)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == len(VECTORS)
    assert all(line.endswith(" calls, all right") for line in lines)


@pytest.mark.parametrize("language", CONFORM)
@pytest.mark.parametrize("what", ["reply", "keys", "messages"])
def test_a_client_in_this_language_finds_what_differs_from_a_vector(
    language: str, what: str, server: Server, tmp_path: os.PathLike[str]
) -> None:
    needs(language)
    vector = json.loads((ROOT / "lua" / "conformance" / "reliable-expired.json").read_text())
    step = vector["steps"][3]
    text = json.dumps(step[what])
    assert "expired" in text or what == "reply"
    step[what] = json.loads(text.replace("expired", "perished").replace(":-1", ":-2"))
    changed = ROOT.__class__(tmp_path) / "changed.json"
    changed.write_text(json.dumps(vector))
    done = run(CONFORM[language], changed, url=server.url)
    assert done.returncode == 1
    assert f"reliable expired: reliable/claim@1: {what}: " in done.stdout


@pytest.mark.parametrize("program", ["node pyjobs.mjs", "perl pyjobs.pl"])
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("", 2, "usage: "),
        ("work words", 2, "usage: "),
        ("work words handler --lease soon", 2, "usage: "),
        ("work words /no/such/handler", 1, "/no/such/handler"),
        ("submit words", 1, "run 'pyjobs scripts load'"),
    ],
)
def test_a_mistake_is_told_in_a_line(
    program: str, words: str, code: int, says: str, server: Server
) -> None:
    language, file = program.split()
    needs(language)
    command = f"{language} {CLIENTS / file}"
    done = run(command, *words.split(), url=f"{server.url}/5", input='{"data": 1}\n')
    assert done.returncode == code
    [line] = done.stderr.splitlines()
    assert says in line
