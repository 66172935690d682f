"""The default index is the one that the client library asks."""

from __future__ import annotations

import subprocess
import sys

from pypi_simple import PYPI_SIMPLE_ENDPOINT

from envcompose.world.default_index import _imported, _stated, default_index


def test_the_default_index_is_the_client_librarys_own_without_a_slash() -> None:
    assert default_index() == PYPI_SIMPLE_ENDPOINT.rstrip("/")
    assert _stated() == _imported() == PYPI_SIMPLE_ENDPOINT


def test_knowing_it_does_not_import_the_client_library() -> None:
    script = "import sys; from envcompose.world.default_index import default_index; default_index(); print('pypi_simple' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
