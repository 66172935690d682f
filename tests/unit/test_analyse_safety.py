"""Nothing of an sdist is run: shown from inside the interpreter, by an audit hook."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

CHILD = '''
import io, json, sys, tarfile
from envcompose.analyse import analyse_sdist, load_rules, trim_sdist

SETUP = """
import os, subprocess, sys, socket, ctypes, shutil, urllib.request, tempfile
import torch
subprocess.run(["touch", "/tmp/owned"])
os.system("touch /tmp/owned")
open("/tmp/owned", "w").write("x")
open("/etc/passwd").read()
eval("__import__('os').system('touch /tmp/owned')")
exec("import os; os.remove('/etc/passwd')")
__import__("antigravity")
import importlib; importlib.import_module("this")
socket.create_connection(("127.0.0.1", 9))
urllib.request.urlopen("http://127.0.0.1:9/")
ctypes.CDLL("libc.so.6")
shutil.rmtree("/tmp/owned")
().__class__.__bases__[0].__subclasses__()
from setuptools import setup
setup(name="demo", install_requires=[line for line in os.popen("id")])
"""

def sdist(setup):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        files = {"setup.py": setup, "PKG-INFO": "Name: demo\\n", "pyproject.toml": "[build-system]\\n"}
        for name, text in files.items():
            info = tarfile.TarInfo("demo-1.0/" + name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return stream.getvalue()

rules = load_rules(open(sys.argv[1]).read())
hostile = sdist(SETUP)
harmless = sdist("import re\\nfrom setuptools import setup\\nsetup(version=re.sub('a', 'b', 'a'))\\n")
analyse_sdist(trim_sdist(harmless, "demo-1.0.tar.gz"), rules=rules)  # whatever is imported late is imported now

events = []
armed = False
def hook(event, arguments):
    # Parsing is announced as "compile"; nothing that was parsed is ever executed ("exec").
    if armed and event not in ("compile", "object.__getattr__", "object.__setattr__"):
        events.append((event, repr(arguments)[:200]))
sys.addaudithook(hook)
armed = True
analysis = analyse_sdist(trim_sdist(hostile, "demo-1.0.tar.gz"), rules=rules, torches=(None, "2.6.0"))
armed = False
print(json.dumps({"events": events, "torch": any(n.distribution == "torch" for n in analysis.build_needs)}))
'''


def test_an_analysis_starts_no_process_opens_no_file_or_socket_and_executes_nothing() -> None:
    rules = ROOT / "recipes" / "tables" / "build_rules.toml"
    command = [sys.executable, "-c", CHILD, str(rules)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.strip() == '{"events": [], "torch": true}'
