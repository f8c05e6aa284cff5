"""Cloud Storage over its JSON API: where rows are read from and written to.

It shows nobody's credentials, as an emulator asks for none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import aiohttp
from yarl import URL

_URI = re.compile(r"gs://(?P<bucket>[a-z0-9][a-z0-9._-]+)(?:/(?P<name>.*))?")
_CHUNK = 256 * 1024
_PATIENCE = aiohttp.ClientTimeout(total=600)
_MISSING = 404


class NoBucket(Exception):
    """There is no such bucket."""


class NoObject(Exception):
    """There is no such object in the bucket."""


@dataclass(frozen=True, slots=True)
class Place:
    """An object, or the beginning of the names of several."""

    bucket: str
    name: str

    @classmethod
    def of(cls, uri: str) -> Self:
        """Read a `gs://` URI; a bare bucket has an empty name. Raises ValueError."""
        match = _URI.fullmatch(uri)
        if match is None:
            raise ValueError(f"{uri} is not a Cloud Storage URI")
        return cls(match["bucket"], match["name"] or "")

    def __str__(self) -> str:
        return f"gs://{self.bucket}/{self.name}"


class Buckets:
    """The buckets at one address, which a context manager connects to."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(timeout=_PATIENCE)
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._http:
            await self._http.close()

    async def require(self, bucket: str) -> None:
        """Raise NoBucket if there is none of that name."""
        async with self._session.get(f"{self.url}/storage/v1/b/{bucket}") as answer:
            if answer.status == _MISSING:
                raise NoBucket(bucket)
            answer.raise_for_status()

    async def create(self, bucket: str) -> None:
        """Create a bucket, unless it is there."""
        try:
            await self.require(bucket)
        except NoBucket:
            async with self._session.post(f"{self.url}/storage/v1/b", json={"name": bucket}) as answer:
                answer.raise_for_status()

    async def fetch(self, place: Place, path: Path) -> None:
        """Append an object's bytes to a file, ended by a newline. Raises NoBucket and NoObject."""
        await self.require(place.bucket)
        url = f"{self.url}/storage/v1/b/{place.bucket}/o/{quote(place.name, safe='')}?alt=media"
        last = b"\n"
        async with self._session.get(URL(url, encoded=True)) as answer:
            if answer.status == _MISSING:
                raise NoObject(str(place))
            answer.raise_for_status()
            with path.open("ab") as file:
                async for block in answer.content.iter_chunked(_CHUNK):
                    file.write(block)
                    last = block[-1:]
                if last != b"\n":
                    file.write(b"\n")

    async def store(self, place: Place, path: Path) -> None:
        """Write a file to an object, in a resumable upload of one piece. Raises NoBucket."""
        url = f"{self.url}/upload/storage/v1/b/{place.bucket}/o?uploadType=resumable"
        about = {"name": place.name, "contentType": "application/octet-stream"}
        async with self._session.post(url, json=about) as answer:
            if answer.status == _MISSING:
                raise NoBucket(place.bucket)
            answer.raise_for_status()
            session = URL(answer.headers["Location"], encoded=True)
        with path.open("rb") as file:
            async with self._session.put(session, data=file) as answer:
                answer.raise_for_status()

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise RuntimeError("not connected")
        return self._http
