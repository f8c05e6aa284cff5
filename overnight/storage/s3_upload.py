"""An object of S3's that is not one yet: sent in parts, then put in its place in one step."""

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from overnight.storage.sending import Part

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

_MARK = "overnight-upload"

_log = structlog.stdlib.get_logger(__name__)


class MultipartUpload:
    """One upload of an object, of which `place` says bucket and key, and `traits` what more it is to be.

    Every method blocks, and raises what boto3 does.
    """

    def __init__(self, client: "S3Client", place: Mapping[str, Any], *, traits: Mapping[str, Any]) -> None:
        self._client = client
        self._place = place
        self._traits = traits
        self._mark = secrets.token_hex(16)
        self._id: str | None = None
        self._sent: dict[int, CompletedPartTypeDef] = {}

    def begin(self) -> None:
        """Have S3 expect parts. What comes before can be discarded already."""
        begun = self._client.create_multipart_upload(
            **self._place, **self._traits, Metadata={_MARK: self._mark}
        )
        self._id = begun["UploadId"]

    def send(self, part: Part) -> None:
        """Send a part. Several may be sent at once, and none twice."""
        number = part.number + 1
        sent = self._client.upload_part(**self._upload, PartNumber=number, Body=part.content)
        self._sent[number] = {"PartNumber": number, "ETag": sent["ETag"]}

    def publish(self) -> None:
        """Make the parts an object, replacing what is there."""
        sent = [self._sent[number] for number in sorted(self._sent)]
        try:
            self._client.complete_multipart_upload(**self._upload, MultipartUpload={"Parts": sent})
        except (BotoCoreError, ClientError):
            # When the answer is lost, the object may be there, and asking once more is told of no upload.
            if not self._is_there():
                raise

    def discard(self) -> None:
        """Have S3 forget the parts, if it expects any. What goes wrong is only logged."""
        if self._id is None:
            return
        try:
            self._client.abort_multipart_upload(**self._upload)
        except (BotoCoreError, ClientError) as error:
            _log.warning("parts of an upload stay in the bucket", why=type(error).__name__)

    @property
    def _upload(self) -> dict[str, Any]:
        return {**self._place, "UploadId": self._id}

    def _is_there(self) -> bool:
        try:
            found = self._client.head_object(**self._place)
        except (BotoCoreError, ClientError):
            return False
        return found["Metadata"].get(_MARK) == self._mark
