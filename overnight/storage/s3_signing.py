"""Presigned URLs of S3's."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.config import Config

from overnight.domain.presenting import content_disposition, content_type
from overnight.storage.s3_client import connect
from overnight.storage.settings import S3Settings

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# Left to itself boto3 presigns by version 2, which new regions and objects under a KMS key refuse.
_VERSION_4 = Config(signature_version="s3v4")

# Left to itself boto3 leaves the region out of the bucket's host. What comes there for a new bucket AWS sends
# on, to where the signature is wrong, and what is for a region opened after March 2019 it refuses.
_REGIONAL = Config(s3={"addressing_style": "virtual"})
_AWS = (".amazonaws.com", ".amazonaws.com.cn")


class S3Signer:
    """Signs URLs of one bucket's objects. Every method blocks, and raises what boto3 does."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._client: S3Client | None = None
        self._making = threading.Lock()

    def sign(
        self, asking: "S3Client", place: Mapping[str, Any], *, filename: str, expires_in: timedelta
    ) -> str:
        """Return a URL of the object at `place`. `asking` is a client to ask about the bucket with."""
        wanted = {
            **place,
            "ResponseContentDisposition": content_disposition(filename),
            "ResponseContentType": content_type(filename),
        }
        return self._connected(asking).generate_presigned_url(
            "get_object", Params=wanted, ExpiresIn=int(expires_in.total_seconds())
        )

    def _connected(self, asking: "S3Client") -> "S3Client":
        with self._making:
            if self._client is None:
                # A request to the wrong region is sent on by boto3; a URL that is signed for it is refused.
                found = asking.head_bucket(Bucket=self._settings.bucket).get("BucketRegion")
                settings = replace(self._settings, region=found or self._settings.region)
                self._client = connect(settings, connections=1, config=_config(asking))
            return self._client


def _config(asking: "S3Client") -> Config:
    host = urlsplit(asking.meta.endpoint_url).hostname or ""
    # Those that copy S3 may have no name for each bucket.
    return _VERSION_4.merge(_REGIONAL) if host.endswith(_AWS) else _VERSION_4
