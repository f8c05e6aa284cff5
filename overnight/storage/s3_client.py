"""A connection to S3: whose credentials, which address, how patiently."""

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from overnight.storage.settings import S3Settings

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CONNECT_SECONDS = 10
READ_SECONDS = 30
"""How long S3 may be silent. A request that is cancelled is waited for as well, so it is not for long."""

TRIES = 5
"""How often a request is made in all, if the connection drops or S3 says 5xx or that it is too much."""


def connect(settings: S3Settings, *, connections: int, config: Config | None = None) -> "S3Client":
    """Return a client, which threads may share. Blocks: credentials may have to be asked for.

    `config` has what is to be different from what is usual here. Raises BotoCoreError.
    """
    session = boto3.session.Session(
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=settings.secret_access_key,
        aws_session_token=settings.session_token,
        region_name=settings.region,
    )
    usual = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": TRIES},
        max_pool_connections=connections,
    )
    return session.client("s3", endpoint_url=settings.endpoint_url, config=usual.merge(config or Config()))
