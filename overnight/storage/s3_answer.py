"""What S3 answers to a GET: its body, read in threads, and what has to be known to go on when it breaks."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, FlexibleChecksumError
from urllib3.exceptions import HTTPError

from overnight.domain.errors import StorageUnavailable
from overnight.storage.blocks import BLOCK_BYTES
from overnight.storage.reading_ahead import ahead
from overnight.storage.resuming import ConnectionBroke, end_of
from overnight.storage.threads import Threads

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import GetObjectOutputTypeDef

AT_ONCE = 4
"""How many blocks a thread reads at once: handing them over costs as much as reading a good part of one."""


class S3Answer:
    """An answer whose body has not been read yet; see Opened."""

    def __init__(self, answer: "GetObjectOutputTypeDef", *, key: str, threads: Threads) -> None:
        self._body = answer["Body"]
        self._key = key
        self._threads = threads
        self.version = answer["ETag"]
        self.end = end_of(content_range=answer.get("ContentRange"), content_length=answer["ContentLength"])

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body; see Opened."""
        async with aclosing(ahead(self._handfuls())) as handfuls:
            async for handful in handfuls:
                for block in handful:
                    yield block

    async def _handfuls(self) -> AsyncGenerator[list[bytes], None]:
        try:
            while handful := await self._threads.do(self._read):
                yield handful
        finally:
            self._body.close()

    def _read(self) -> list[bytes]:
        blocks: list[bytes] = []
        try:
            while len(blocks) < AT_ONCE and (block := self._body.read(BLOCK_BYTES)):
                blocks.append(block)
        except FlexibleChecksumError as error:
            raise StorageUnavailable("S3 returned other bytes than it was given", key=self._key) from error
        except (BotoCoreError, HTTPError, OSError) as error:
            if not blocks:
                raise ConnectionBroke from error
        return blocks
