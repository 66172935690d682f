"""The compiled parts of an environment: its shared objects, whose they are, and what each would bring along."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from .environment import Environment
from .libraries import Libraries, Load

_TAGGED = re.compile(r"\.(cpython-\d+[a-z]*|pypy\d+-\w+|abi3|graalpy\w+)[^.]*\.so$")
_SHARED = re.compile(r"\.so(\.[0-9]+)*$")
_TORCH_LIBRARIES = re.compile(r"lib(torch(_cpu|_cuda|_python|_hip)?|c10(_cuda|_hip)?)\.so$")
DRIVER_LIBRARIES = ("libcuda.so.1", "libnvidia-ml.so.1", "libnvcuvid.so.1", "libnvidia-encode.so.1", "libnvoptix.so.1")
"""What only a machine with NVIDIA's driver has: that these are missing says nothing about the environment."""


@dataclass(frozen=True)
class Extension:
    """One compiled module, or another object that is linked against torch and loaded by Python code."""

    path: str
    distribution: str
    """The normalised name of its owner; its top folder's name where no RECORD names it."""
    tag: str | None
    """`cpython-311`, `abi3` and the like; None where the file's name has none."""
    links_torch: bool


class Binaries:
    """The shared objects of the site folders, looked at when asked for."""

    def __init__(self, environment: Environment, library_path: str | None) -> None:
        self._environment = environment
        self.libraries = Libraries(environment.python, library_path)
        self._loads: dict[str, Load] = {}

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Every file of the site folders that is named like a shared object."""
        found = []
        for site in self._environment.sites:
            for folder, folders, names in os.walk(site):
                folders[:] = [name for name in folders if name != "__pycache__"]
                found += [os.path.join(folder, name) for name in names if ".so" in name and _SHARED.search(name)]
        return tuple(sorted(found))

    @cached_property
    def owners(self) -> Mapping[str, str]:
        """The distribution that each shared object belongs to, from RECORD."""
        found: dict[str, str] = {}
        for distribution in self._environment.distributions:
            for path in distribution.files:
                if ".so" in path:
                    found.setdefault(path, distribution.name)
        return found

    def owner(self, path: str) -> str:
        """The distribution's name, else the file's top folder under its site folder."""
        if path in self.owners:
            return self.owners[path]
        for site in self._environment.sites:
            if path.startswith(site + os.sep):
                return path[len(site) + 1 :].split(os.sep, 1)[0].split(".", 1)[0]
        return os.path.basename(path)

    @cached_property
    def torch(self) -> str | None:
        """The folder of the installed torch."""
        for site in self._environment.sites:
            if os.path.isfile(os.path.join(site, "torch", "__init__.py")):
                return os.path.join(site, "torch")
        return None

    @cached_property
    def torch_roots(self) -> tuple[str, ...]:
        """What `import torch` loads by itself, in its order; the rest comes with it."""
        names = ("libtorch_global_deps.so", "libtorch_python.so")
        # conda keeps torch's libraries in the prefix, and may link to them from torch's own folder.
        for folder in (self.torch, self._environment.prefix) if self.torch else ():
            paths = [os.path.join(folder or "", "lib", name) for name in names]
            if os.path.isfile(paths[1]):
                return tuple(path for path in paths if os.path.isfile(path))
        return ()

    @cached_property
    def interpreter(self) -> tuple[str, ...]:
        """The objects that every Python process has."""
        return self.libraries.load(self.libraries.executable).objects

    @cached_property
    def after_torch(self) -> Mapping[str, str]:
        """The objects by soname that a process has once torch is imported."""
        loaded: dict[str, str] = dict(self.libraries.by_soname(self.interpreter))
        for root in self.torch_roots:
            load = self.libraries.load(root, loaded)
            loaded = {**self.libraries.by_soname(load.objects), **load.providers, **loaded}
        return loaded

    @cached_property
    def everyone(self) -> tuple[str, ...]:
        """The objects whose symbols are visible to all: the interpreter's and what torch loads for all."""
        found = dict.fromkeys(self.interpreter)
        if self.torch_roots and self.torch_roots[0].endswith("libtorch_global_deps.so"):
            found.update(dict.fromkeys(self.libraries.load(self.torch_roots[0]).objects))
        return tuple(found)

    @cached_property
    def linked_to_torch(self) -> tuple[Extension, ...]:
        """Everything outside of torch's own folder that needs one of torch's libraries."""
        found = []
        for path in self.files:
            if self.torch is not None and path.startswith(self.torch + os.sep):
                continue
            image = self.libraries.image(path)
            if image is not None and any(_TORCH_LIBRARIES.match(name) for name in image.needed):
                found.append(Extension(path, self.owner(path), _tag(path), True))
        return tuple(found)

    @cached_property
    def modules(self) -> tuple[Extension, ...]:
        """Every extension module, and everything linked to torch: tagged by name, or with an init function."""
        linked = {extension.path for extension in self.linked_to_torch}
        found = list(self.linked_to_torch)
        for path in self.files:
            if path in linked:
                continue
            tag, name = _tag(path), os.path.basename(path)
            if tag is not None or (name.endswith(".so") and not name.startswith("lib") and self._has_init(path, name)):
                found.append(Extension(path, self.owner(path), tag, False))
        return tuple(sorted(found, key=lambda extension: extension.path))

    def _has_init(self, path: str, name: str) -> bool:
        symbols = self.libraries.symbols(path)
        return symbols is not None and b"PyInit_" + name[:-3].encode() in symbols.defined

    def load(self, extension: Extension) -> Load:
        """What comes with an extension: after torch if it is linked to torch, with what its package brings itself."""
        if extension.path not in self._loads:
            present: Mapping[str, str] = self.after_torch if extension.links_torch else {}
            load = self.libraries.load(extension.path, present)
            brought = self._brought(extension, load)
            self._loads[extension.path] = (
                self.libraries.load(extension.path, {**present, **brought}) if brought else load
            )
        return self._loads[extension.path]

    def _brought(self, extension: Extension, load: Load) -> dict[str, str]:
        """Missing libraries that the package itself or NVIDIA's wheels hold: packages load such by path beforehand."""
        found = {}
        for name, _ in load.missing:
            for path in self._shelf.get(name, ()):
                owner = self.owner(path)
                if owner == extension.distribution or owner.startswith("nvidia-"):
                    found[name] = path
        return found

    @cached_property
    def _shelf(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for path in self.files:
            name = os.path.basename(path)
            found[name] = (*found.get(name, ()), path)
        return found

    def unresolved(self, load: Load) -> dict[str, tuple[bytes, ...]]:
        """Symbols that an object of the load needs and none of its process defines, by object."""
        scope = list(dict.fromkeys([*self.everyone, *load.objects]))
        found: dict[str, tuple[bytes, ...]] = {}
        for path in load.objects:
            symbols = self.libraries.symbols(path)
            missing = set(symbols.undefined) if symbols is not None else set()
            for provider in scope:
                if not missing:
                    break
                offered = self.libraries.symbols(provider)
                missing -= offered.defined if offered is not None else frozenset()
            if missing:
                found[path] = tuple(sorted(missing))
        return found


def _tag(path: str) -> str | None:
    match = _TAGGED.search(os.path.basename(path))
    return match.group(1) if match else None
