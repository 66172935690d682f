"""`python .envcompose/verify` and `python -m envcompose.verify`: one entry for the copy and for the package."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys


def _make_package() -> None:
    """Give the folder this file stands in a package's name, so that its modules import each other as in
    `envcompose.verify`.

    The folder leaves `sys.path`: none of its file names can shadow a module of the environment that is judged. No
    bytecode is written: the folder is under version control.
    """
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != folder]
    sys.dont_write_bytecode = True
    own = importlib.util.cache_from_source(os.path.join(folder, "__main__.py"))
    with contextlib.suppress(OSError):
        # Python wrote this file's bytecode before this line could forbid it.
        os.unlink(own)
        os.rmdir(os.path.dirname(own))
    spec = importlib.util.spec_from_file_location(
        "envcompose_verify", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    if spec is None or spec.loader is None:
        raise ImportError("the verifier's folder lacks its __init__.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["envcompose_verify"] = module
    spec.loader.exec_module(module)


if __package__:
    from .command import main
else:
    _make_package()
    main = importlib.import_module("envcompose_verify.command").main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
