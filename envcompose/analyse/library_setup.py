"""Other modules as a setup.py meets them: importlib, setuptools, Cython, and torch with its extension builders."""

from __future__ import annotations

import contextlib
from pathlib import PurePosixPath
from posixpath import dirname, splitext
from typing import Any

from packaging.utils import canonicalize_name

from envcompose.analyse import importing
from envcompose.analyse.calls import call_function, get_attribute, items_of
from envcompose.analyse.classes import find_in_class, is_property
from envcompose.analyse.files import call_file, children, member_path, open_member
from envcompose.analyse.library import ALIASES, ATTRIBUTES, CALLS, CLASSES, INITIALISERS, METHODS
from envcompose.analyse.library_machine import constant, named_unknown
from envcompose.analyse.machine import Machine
from envcompose.analyse.values import (
    Class,
    Function,
    Instance,
    LocalModule,
    Opaque,
    Raised,
    Scope,
    Value,
    shown,
)

Values = list[Value]
Keywords = dict[str, Value]


def _import_module(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    name = arguments[0] if arguments else None
    if not isinstance(name, str) or not name or len(name) > 200:
        return machine.unknown(node)
    return importing.import_module(machine, name.lstrip("."), Scope({}, machine.file))


def _find_spec(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    name = arguments[0] if arguments else None
    if not isinstance(name, str):
        return machine.unknown(node)
    top = name.split(".")[0]
    machine.see("probe", name, soft=True)
    if top == "torch":
        machine.touched_torch = machine.asked_torch = True
        missing = machine.world.torch is None and not machine.world.lenient
        return None if missing else machine.unknown(node, True)
    if machine.world.lenient:
        return machine.unknown(node)
    if top in importing.STANDARD:
        return machine.unknown(node, True)
    return machine.unknown(node, True) if canonicalize_name(top) in machine.world.declared else None


def _find_module(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    """Model imp.find_module, which raises ImportError where there is no such module."""
    if len(arguments) == 1 and isinstance(arguments[0], str) and len(arguments[0]) < 200:
        importing.import_module(machine, arguments[0], Scope({}, machine.file))
    return machine.unknown(node)


def _spec_from_file(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    path = member_path(arguments[1] if len(arguments) > 1 else keywords.get("location"))
    if path is None or path not in machine.sdist.texts:
        return machine.unknown(node, True)
    module = importing.evaluate_file(machine, path, shown(arguments[0]) if arguments else path)
    return Instance("importlib.spec", {"loader": machine.unknown("loader", True), "module": module})


def _module_from_spec(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    spec = arguments[0] if arguments else None
    return spec.names["module"] if isinstance(spec, Instance) and "module" in spec.names else machine.unknown(node)


def _source_loader(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    made = _spec_from_file(machine, arguments, keywords, node)
    return Instance("importlib.loader", made.names) if isinstance(made, Instance) else made


def _load_module(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    return arguments[0].names.get("module", machine.unknown(node))


def _run_path(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    path = member_path(arguments[0]) if arguments else None
    if path is None or path not in machine.sdist.texts:
        return machine.unknown(node)
    module = importing.evaluate_file(machine, path, "<run_path>")
    return dict(module.scope.names) if isinstance(module, LocalModule) else module


def _iter_modules(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    folders = items_of(machine, arguments[0]) if arguments else None
    rows: list[Value] = []
    for folder in folders or []:
        for name in children(machine, folder) if member_path(folder) is not None else ():
            stem, suffix = splitext(name)
            if suffix == ".py" and stem != "__init__":
                rows.append((None, stem, False))
    return machine.unknown(node) if folders is None else rows


def _dist_version(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    name = arguments[0] if arguments else None
    if not isinstance(name, str):
        return machine.unknown(node)
    machine.see("probe", name, soft=True)
    canonical = canonicalize_name(name)
    absent = ("PackageNotFoundError", "DistributionNotFound", "ModuleNotFoundError", "ImportError", "Exception")
    if canonical == "torch":
        machine.touched_torch = machine.asked_torch = True
        if machine.world.torch is None:
            raise Raised((*absent, "BaseException"), name)
        return machine.unknown(node, True) if machine.world.torch == "?" else machine.world.torch
    if canonical not in machine.world.declared and machine.trying and not machine.world.lenient:
        raise Raised((*absent, "BaseException"), name)
    return machine.unknown(node, True)


def _distribution(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    return Instance("importlib.distribution", {"version": _dist_version(machine, arguments, keywords, node)})


def _setup(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    machine.see("setup", dict(keywords))
    return machine.unknown("setup()")


def _find_packages(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    where = arguments[0] if arguments else keywords.get("where", ".")
    base = member_path(where)
    if base is None:
        return machine.unknown(node)
    prefix = "" if base == "." else f"{base}/"
    folders = {dirname(name)[len(prefix) :] for name in machine.members.under(prefix) if _is_package(name, prefix)}
    tops = {folder for folder in folders if all(parent in folders for parent in _parents(folder))}
    return [folder.replace("/", ".") for folder in sorted(tops)]


def _is_package(name: str, prefix: str) -> bool:
    return name.endswith("/__init__.py") and dirname(name) + "/" != prefix


def _parents(folder: str) -> list[str]:
    parts = folder.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _extension(kind: str) -> Any:
    def handler(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
        names = dict(zip(("name", "sources"), arguments, strict=False)) | keywords
        made = Instance("Extension", {"extra_compile_args": [], "libraries": [], **names, "kind": kind})
        _read_texts(machine, names)
        machine.see("extension", made)
        return made

    return handler


READ = (
    "sources",
    "include_dirs",
    "library_dirs",
    "libraries",
    "extra_compile_args",
    "extra_link_args",
    "define_macros",
)
"""What setuptools reads of an extension while it builds."""


def _extension_made(kind: str) -> Any:
    def handler(machine: Machine, made: Instance) -> None:
        """Record an extension of a class of the sdist, and read what setuptools reads of it, properties among it."""
        for name in READ:
            if is_property(made, name):
                with contextlib.suppress(Raised):
                    get_attribute(machine, made, name)
        names = {"name": made.names.get("text"), **made.names}
        _read_texts(machine, names)
        machine.see("extension", Instance("Extension", {**names, "kind": kind}))

    return handler


def _read_texts(machine: Machine, names: Keywords) -> None:
    """Ask the sdist's own objects among an extension's paths for their text, as setuptools does while it builds."""
    for name in READ:
        value = names.get(name)
        for item in value if isinstance(value, (list, tuple)) else ():
            if isinstance(item, Instance) and isinstance(item.cls, Class):
                method = find_in_class(item.cls, "__str__")
                if isinstance(method, Function):
                    with contextlib.suppress(Raised):
                        call_function(machine, method, [item], {})


def _initialise_extension(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    made = arguments[0] if arguments else None
    if isinstance(made, Instance):
        machine.touch(made.names)
        made.names.update(dict(zip(("name", "sources"), arguments[1:], strict=False)) | keywords)


def _cythonize(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    machine.see("cythonize", arguments[0] if arguments else None)
    value = arguments[0] if arguments else None
    items = items_of(machine, value) if isinstance(value, (list, tuple)) else [value]
    for item in items or []:
        if isinstance(item, (str, PurePosixPath)):
            machine.see(
                "extension", Instance("Extension", {"kind": "cython", "name": _stem(str(item)), "sources": [item]})
            )
    return items


def _rust_extension(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    names = dict(zip(("target", "path"), arguments, strict=False)) | keywords
    target = names.get("target")
    made = Instance("RustExtension", names | ({"target": {"": target}} if isinstance(target, str) else {}))
    machine.see("rust-extension", made)
    return made


def _stem(path: str) -> str:
    return splitext(path)[0].replace("/", ".")


def _with_options(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    machine.see("torch-builder", "BuildExtension")
    return Opaque("torch.utils.cpp_extension.BuildExtension")


def _requirements(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    """Model pip's and pkg_resources' parse_requirements: one record per requirement line, whose text is the line."""

    source = arguments[0] if arguments else None
    if (
        isinstance(source, (str, PurePosixPath))
        and "\n" not in str(source)
        and member_path(source) in machine.members.sizes
    ):
        source = call_file(machine, open_member(machine, source), "read", [], node)
    lines = source.splitlines() if isinstance(source, str) else items_of(machine, source)
    if lines is None or not all(isinstance(line, str) for line in lines):
        return machine.unknown(node)
    texts = [line.split(" #")[0].strip() for line in lines]
    kept = [text for text in texts if text and not text.startswith(("#", "-"))]
    return [_requirement(text) for text in kept]


def _requirement(text: str) -> Instance:
    return Instance("Requirement", {"text": text, "req": text, "requirement": text, "markers": None, "link": None})


def _torch(value: Any) -> Any:
    def known(machine: Machine) -> Value:
        machine.touched_torch = True
        return value(machine)

    return known


def _torch_version(machine: Machine) -> Value:
    installed = machine.world.torch
    machine.asked_torch = True
    return installed if installed not in (None, "?") else machine.unknown("torch.__version__", True)


def _gpu(name: str) -> Any:
    """Make a question to the GPU of the building machine: nobody knows whether there is one."""

    def handler(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
        machine.touched_torch = True
        machine.see("gpu", name, soft=machine.trying > 0)
        return machine.unknown(node)

    return handler


GPU_QUESTIONS = (
    "is_available",
    "device_count",
    "get_device_capability",
    "get_device_properties",
    "get_device_name",
    "current_device",
    "mem_get_info",
)
CALLS.update({f"torch.cuda.{name}": _gpu(name) for name in GPU_QUESTIONS})
METHODS.update({("importlib.loader", "load_module"): _load_module})


EXTENSIONS = {
    "setuptools.Extension": "Extension",
    "torch.utils.cpp_extension.CUDAExtension": "CUDAExtension",
    "torch.utils.cpp_extension.CppExtension": "CppExtension",
    "pybind11.setup_helpers.Pybind11Extension": "Pybind11Extension",
}
"""Extension builders and the kind of what they make."""

CLASSES.update({path: _extension_made(kind) for path, kind in EXTENSIONS.items()})
INITIALISERS.update(dict.fromkeys(EXTENSIONS, _initialise_extension))
CALLS.update({f"{path}.__init__": _initialise_extension for path in EXTENSIONS})
CALLS.update({path: _extension(kind) for path, kind in EXTENSIONS.items()})


ALIASES.update(
    {
        "posixpath": "os.path",
        "importlib_metadata": "importlib.metadata",
        "importlib.metadata.metadata": "importlib.metadata.distribution",
        "pkg_resources.get_distribution": "importlib.metadata.distribution",
        "pip._internal.req.parse_requirements": "pkg_resources.parse_requirements",
        "pip._internal.req.req_file.parse_requirements": "pkg_resources.parse_requirements",
        "pip.req.parse_requirements": "pkg_resources.parse_requirements",
        "distutils.core.setup": "setuptools.setup",
        "numpy.distutils.core.setup": "setuptools.setup",
        "numpy.distutils.core.Extension": "setuptools.Extension",
        "numpy.distutils.extension.Extension": "setuptools.Extension",
        "skbuild.setup": "setuptools.setup",
        "distutils.core.Extension": "setuptools.Extension",
        "setuptools.extension.Extension": "setuptools.Extension",
        "distutils.extension.Extension": "setuptools.Extension",
        "setuptools.PEP420PackageFinder.find": "setuptools.find_packages",
        "Cython.Build.Dependencies.cythonize": "Cython.Build.cythonize",
        "torch.__version__.__version__": "torch.__version__",
        "exists": "os.path.exists",
    }
)

CALLS.update(
    {
        "importlib.import_module": _import_module,
        "builtins.__import__": _import_module,
        "importlib.util.find_spec": _find_spec,
        "pkgutil.find_loader": _find_spec,
        "importlib.util.spec_from_file_location": _spec_from_file,
        "importlib.util.module_from_spec": _module_from_spec,
        "importlib.machinery.SourceFileLoader": _source_loader,
        "imp.find_module": _find_module,
        "imp.load_source": lambda m, a, k, n: _module_from_spec(m, [_spec_from_file(m, a, k, n)], {}, n),
        "runpy.run_path": _run_path,
        "pkgutil.iter_modules": _iter_modules,
        "importlib.metadata.version": _dist_version,
        "importlib.metadata.distribution": _distribution,
        "pkg_resources.parse_requirements": _requirements,
        "setuptools.setup": _setup,
        "setuptools.find_packages": _find_packages,
        "setuptools.find_namespace_packages": _find_packages,
        "torch.utils.cpp_extension.BuildExtension.with_options": _with_options,
        "Cython.Build.cythonize": _cythonize,
        "setuptools_rust.RustExtension": _rust_extension,
    }
)
ATTRIBUTES.update(
    {
        "torch.__version__": _torch(_torch_version),
        "torch.version.__version__": _torch(_torch_version),
        "torch.version.cuda": _torch(named_unknown("torch.version.cuda", True)),
        "torch.version.hip": _torch(constant(None)),
        "torch.version.xpu": _torch(constant(None)),
        "torch.utils.cpp_extension.CUDA_HOME": _torch(named_unknown("CUDA_HOME", True)),
        "torch.utils.cpp_extension.ROCM_HOME": _torch(constant(None)),
        "torch.utils.cpp_extension.IS_HIP_EXTENSION": _torch(constant(False)),
    }
)
