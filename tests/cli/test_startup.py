"""Start-up costs nothing that the command does not need."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

HEAVY = {"apsw", "charset_normalizer", "pydantic", "rich", "tantivy", "xxhash"}
ENGINE = {
    "syncline.api",
    "syncline.engine",
    "syncline.service",
    "syncline.store",
    "syncline.sources",
    "syncline.wiring",
}


def modules_after(*args: str) -> set[str]:
    """What `syncline ARGS` has imported when it ends."""
    code = (
        "import sys; from syncline.cli import main; sys.argv = ['syncline', *sys.argv[1:]]\n"
        "try: main()\n"
        "finally: print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=True)
    assert done.stdout
    return set(done.stderr.split())


def test_version_imports_nothing_but_python():
    assert not modules_after("--version") & (HEAVY | ENGINE | {"click", "json", "syncline.cli.root"})


@pytest.mark.parametrize("args", [["--help"], ["sync", "--help"], ["version"], ["--no-color", "--version"]])
def test_help_and_version_do_not_import_the_engine(args):
    assert not modules_after(*args) & (HEAVY | ENGINE)


def test_version_takes_less_than_a_tenth_of_a_second():
    # On a machine so busy that Python alone takes longer than it should, three times Python alone.
    assert best_of("-m", "syncline.cli", "--version") < max(0.1, 3 * best_of("-c", "pass"))


def best_of(*args: str) -> float:
    """Seconds, the shortest of 15 runs."""
    times = []
    for _ in range(15):
        begun = time.perf_counter()
        subprocess.run([sys.executable, *args], capture_output=True, check=True)
        times.append(time.perf_counter() - begun)
    return min(times)
