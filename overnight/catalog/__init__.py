"""Where rows live: files, batches, progress. SQLite by default."""

from overnight.catalog.catalog import Catalog, Page
from overnight.catalog.engine import open_engine
from overnight.catalog.schema import upgrade

__all__ = ["Catalog", "Page", "open_engine", "upgrade"]
