"""Paths as texts: joined and normalised without asking the file system."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote, urlsplit

from envcompose.ports import TextFiles


def inside(folder: str, path: str) -> str:
    """Give `path`, where it is relative, as seen from where `folder` is seen from; always normalised."""
    return posixpath.normpath(posixpath.join(folder, path))


def folder_of(path: str) -> str:
    """Give the folder that a file lies in; empty for a file of the working folder."""
    return posixpath.dirname(path)


def is_folder(path: str, files: TextFiles) -> bool:
    """Is there a folder of this path with anything in it?"""
    return bool(files.listing(path))


def path_of_file_url(url: str) -> str:
    """Give the path of a `file:` URL; what is not one comes back unchanged."""
    if not url.lower().startswith("file:"):
        return url
    return unquote(urlsplit("file:" + url[5:]).path) if url[5:7] == "//" else unquote(url[5:])


def reference_of_path(path: str) -> str:
    """Give a local path as the URL of a direct reference: `file:///…` or, relative, with a leading dot."""
    if path.startswith("/"):
        return f"file://{path}"
    return path if path.startswith((".", "..")) else f"./{path}"
