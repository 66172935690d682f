"""`[[tool.pdm.source]]` -> package indexes."""

from __future__ import annotations

from envcompose.model.requirement import Outcome
from envcompose.read.reading_parts import Parts
from envcompose.read.secrets import mask_secrets
from envcompose.read.toml_table import TomlTable


def read_pdm_sources(pdm: TomlTable, parts: Parts) -> None:
    """Read PDM's sources: the one named `pypi` is the default index, find_links are flat, the others come after."""
    for source in pdm.tables("source"):
        url = source.text("url")
        if url is None:
            raise pdm.wrong("source", "needs a url")
        origin = source.origin("url", url)
        shown = f"source {mask_secrets(url)}"
        if source.values.get("verify_ssl") is False:
            parts.tell(f"{shown} verify_ssl = false", origin, Outcome.UNSUPPORTED, "certificates are always checked")
        if source.text("type") == "find_links":
            parts.find_links.append(url)
        elif source.text("name") == "pypi":
            parts.index_url = url
        else:
            parts.extra_index_urls.append(url)
        parts.tell(shown, origin, Outcome.KEPT, "a source of packages")
