"""Where rows live: files, uploads, batches, progress, jobs. SQLite by default, PostgreSQL when told."""

from overnight.catalog.catalog import Catalog
from overnight.catalog.connections import Page
from overnight.catalog.engine import open_engine
from overnight.catalog.schema import require_schema, schema_state, upgrade

__all__ = ["Catalog", "Page", "open_engine", "require_schema", "schema_state", "upgrade"]
