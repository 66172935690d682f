"""The cache on disk: one SQLite file, so that a killed process leaves the old entry or the new one."""

from __future__ import annotations

import os
import sqlite3
import threading
import zlib
from pathlib import Path

_FORMAT = 1


def cache_folder() -> Path:
    """The cache folder: `ENVCOMPOSE_CACHE_DIR`, else the platform's own place for caches."""
    named = os.environ.get("ENVCOMPOSE_CACHE_DIR")
    if named:
        return Path(named)
    from platformdirs import user_cache_path

    return user_cache_path("envcompose")


class Cache:
    """Texts by kind and key, each with the time at which it was stored (seconds since the epoch).

    Safe to use from several threads and several processes. A cache that cannot be opened or written is no
    error: it then forgets.
    """

    def __init__(self, folder: Path | None) -> None:
        self._lock = threading.Lock()
        self._connection = self._open(folder)

    @staticmethod
    def _open(folder: Path | None) -> sqlite3.Connection:
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                return _prepared(sqlite3.connect(folder / f"cache-{_FORMAT}.db", check_same_thread=False, timeout=20))
            except (OSError, sqlite3.Error):
                pass
        return _prepared(sqlite3.connect(":memory:", check_same_thread=False))

    def get(self, kind: str, key: str) -> tuple[str, float] | None:
        """The text stored under this kind and key and the time when it was stored, or None."""
        with self._lock:
            try:
                row = self._connection.execute(
                    "select text, at from entry where kind=? and key=?", (kind, key)
                ).fetchone()
            except sqlite3.Error:
                return None
        try:
            return None if row is None else (zlib.decompress(row[0]).decode(), row[1])
        except (zlib.error, UnicodeDecodeError, TypeError):
            # A damaged entry is as good as none.
            return None

    def put(self, kind: str, key: str, text: str, at: float) -> None:
        """Store a text; the last writer wins."""
        blob = zlib.compress(text.encode(), 1)
        with self._lock:
            try:
                self._connection.execute("insert or replace into entry values (?, ?, ?, ?)", (kind, key, at, blob))
                self._connection.commit()
            except sqlite3.Error:
                return

    def close(self) -> None:
        """Close the file; further calls forget."""
        with self._lock:
            self._connection.close()


def _prepared(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.execute("pragma journal_mode=wal")
    connection.execute("pragma synchronous=normal")
    connection.execute(
        "create table if not exists entry (kind text, key text, at real, text blob, primary key (kind, key)) without rowid"
    )
    return connection
