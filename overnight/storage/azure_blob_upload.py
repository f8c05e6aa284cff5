"""An object of Azure's that is not one yet: sent in blocks, then put in its place by the list of them.

Blocks that are in no list can be neither seen nor, without making an object of them, removed. Azure throws
them away after a week, or when another list or object is put in the same place.
"""

import secrets

from azure.storage.blob import BlobBlock
from azure.storage.blob.aio import BlobClient

from overnight.storage.sending import Part


class BlockUpload:
    """One upload of a blob. Its methods raise AzureError."""

    def __init__(self, blob: BlobClient) -> None:
        self._blob = blob
        # The names of all blocks of a blob have to be of one length, and uploads must not mix theirs.
        self._mark = secrets.token_hex(16)
        self._sent: set[int] = set()

    async def send(self, part: Part) -> None:
        """Send a part. Several may be sent at once."""
        await self._blob.stage_block(self._name(part.number), part.content, length=len(part.content))
        self._sent.add(part.number)

    async def publish(self) -> None:
        """Make the parts an object, replacing what is there. To do it once more does no harm."""
        await self._blob.commit_block_list([BlobBlock(self._name(number)) for number in sorted(self._sent)])

    def _name(self, number: int) -> str:
        return f"{self._mark}{number:06d}"
