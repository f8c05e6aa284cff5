"""Where bytes are to live: everything that a store has to be told, and nothing of how it keeps them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

ANONYMOUS = "anonymous"
"""In place of credentials: ask as nobody. For emulators."""


@dataclass(frozen=True, slots=True)
class LocalStorageSettings:
    """Bytes live in a folder of this machine."""

    root: Path

    def __str__(self) -> str:
        return str(self.root)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Settings:
    """Bytes live in an S3 bucket, under names that begin with `prefix`, or from its root on.

    Without an access key, credentials are what boto3 finds: an assumed role, IRSA, an instance, SSO, a
    profile. `encryption` is what S3 calls ServerSideEncryption (AES256, aws:kms or aws:kms:dsse).
    """

    bucket: str
    region: str | None = None
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    endpoint_url: str | None = None
    prefix: str = ""
    encryption: str | None = None
    kms_key_id: str | None = None

    def __str__(self) -> str:
        return f"the S3 bucket '{self.bucket}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class GcsSettings:
    """Bytes live in a Google Cloud Storage bucket, under names that begin with `prefix`.

    `credentials` are a path or the JSON itself of a service account, or ANONYMOUS; None means the
    application's default credentials.
    """

    bucket: str
    prefix: str = ""
    credentials: str | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """The corner of the bucket as Google's tools write it."""
        return f"gs://{self.bucket}/{self.prefix}".rstrip("/")

    def __str__(self) -> str:
        return f"the Google Cloud Storage bucket '{self.bucket}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureBlobSettings:
    """Bytes live in an Azure Blob container, under names that begin with `prefix`.

    The account is named by a connection string, or by its name with a key or, without one, Entra ID.
    """

    container: str
    account_name: str | None = None
    account_key: str | None = field(default=None, repr=False)
    connection_string: str | None = field(default=None, repr=False)
    prefix: str = ""

    def __str__(self) -> str:
        return f"the Azure Blob container '{self.container}'"


BucketSettings: TypeAlias = S3Settings | GcsSettings | AzureBlobSettings
StorageSettings: TypeAlias = LocalStorageSettings | BucketSettings
