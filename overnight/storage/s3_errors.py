"""What S3 and boto3 say went wrong, in our terms. Their own messages stay behind: some quote secrets."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    InvalidRegionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from overnight.domain.errors import (
    BucketMissing,
    ObjectNotFound,
    StorageError,
    StorageFull,
    StorageRefused,
    StorageUnavailable,
)
from overnight.storage.settings import S3Settings

NO_SUCH_RANGE = frozenset({"InvalidRange", "416"})
CHANGED = frozenset({"PreconditionFailed", "412"})

_CODE_LENGTH = 60
_OF_A_BUCKET = "HeadBucket"
_OF_A_ROLE = "AssumeRole"

_NOT_FOUND = frozenset({"NoSuchKey", "404"})
_NO_ROOM = frozenset({"QuotaExceeded", "StorageFull", "XMinioStorageFull", "507"})

_WRONG_REGION = "{store} is not in the region {region}; set s3_region_name"
_MISSING = "there is no S3 bucket '{bucket}'"
_DENIED = (
    "access to {store} is denied; it takes s3:ListBucket, s3:GetObject, s3:PutObject, s3:DeleteObject and "
    "s3:AbortMultipartUpload, and the use of its KMS key if it has one"
)
_NO_NAME = "no S3 bucket can have the name '{bucket}'"
_BAD_KEY = "S3 does not accept the access key, or not with this secret"
_EXPIRED = "the AWS credentials have expired"

_BY_CODE: Mapping[str, str] = {
    "NoSuchBucket": _MISSING,
    "AccessDenied": _DENIED,
    "AllAccessDisabled": _DENIED,
    "AccountProblem": _DENIED,
    "403": _DENIED,
    "404": _MISSING,
    "301": _WRONG_REGION,
    "400": _WRONG_REGION,
    "PermanentRedirect": _WRONG_REGION,
    "TemporaryRedirect": _WRONG_REGION,
    "AuthorizationHeaderMalformed": _WRONG_REGION,
    "IllegalLocationConstraintException": _WRONG_REGION,
    "InvalidAccessKeyId": _BAD_KEY,
    "SignatureDoesNotMatch": _BAD_KEY,
    "InvalidToken": "S3 does not accept the session token of the AWS credentials",
    "ExpiredToken": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "RequestExpired": _EXPIRED,
    "RequestTimeTooSkewed": "the clock of this machine is too far from the time of S3",
    "KMS.DisabledException": "the KMS key of {store} is disabled",
    "KMS.NotFoundException": "there is no such KMS key as {store} is to be encrypted with",
    "InvalidBucketName": _NO_NAME,
}

_KINDS: Mapping[str | None, type[StorageUnavailable]] = {
    _MISSING: BucketMissing,
    _NO_NAME: BucketMissing,
    _DENIED: StorageRefused,
}
"""What each reason amounts to. Keys, tokens, regions and clocks are set right without the bucket."""

_NO_CREDENTIALS = (
    "no AWS credentials were found: set s3_aws_access_key_id and s3_aws_secret_access_key, or give this "
    "process a role or a profile"
)
_NO_SESSION = "the AWS SSO session is missing or has expired; `aws sso login` renews it"

_BY_KIND: Mapping[type[BotoCoreError], str] = {
    NoCredentialsError: _NO_CREDENTIALS,
    PartialCredentialsError: "half of the AWS credentials is missing: it takes a key id and a secret",
    SSOError: _NO_SESSION,
    TokenRetrievalError: _NO_SESSION,
    CredentialRetrievalError: "the AWS credentials can't be fetched from where they are kept",
    ProfileNotFound: "there is no such AWS profile as AWS_PROFILE names",
    ParamValidationError: _NO_NAME,
    InvalidRegionError: "no AWS region can have the name {region}",
}


def code_of(error: ClientError) -> str:
    """Return S3's own code for what went wrong, or the HTTP status where an answer to HEAD had none."""
    return str(error.response["Error"].get("Code", "unknown"))[:_CODE_LENGTH]


def storage_error(error: BotoCoreError | ClientError, *, key: str, settings: S3Settings) -> StorageError:
    """Say in our terms what S3 refused, or why it could not be asked."""
    if not isinstance(error, ClientError):
        return _felt(error, key=key, settings=settings)
    code = code_of(error)
    if code in _NOT_FOUND and error.operation_name != _OF_A_BUCKET:
        return ObjectNotFound(key)
    if code in _NO_ROOM:
        return StorageFull(f"{settings} has no room left", key=key)
    if error.operation_name.startswith(_OF_A_ROLE):
        return StorageUnavailable(f"the AWS role can't be assumed: {code}", key=key)
    return _said(error, code, key=key, settings=settings)


def _said(error: ClientError, code: str, *, key: str, settings: S3Settings) -> StorageUnavailable:
    reason = _BY_CODE.get(code)
    if reason is None:
        return StorageUnavailable(f"S3 answered {code}", key=key)
    elsewhere = _region_in(error) if reason is _WRONG_REGION else None
    return _worded(reason, key=key, settings=settings, more=f": {elsewhere}" if elsewhere else "")


def _felt(error: BotoCoreError, *, key: str, settings: S3Settings) -> StorageUnavailable:
    for kind, reason in _BY_KIND.items():
        if isinstance(error, kind):
            return _worded(reason, key=key, settings=settings)
    return StorageUnavailable(f"S3 can't be reached: {type(error).__name__}", key=key)


def _worded(reason: str, *, key: str, settings: S3Settings, more: str = "") -> StorageUnavailable:
    region = settings.region or "that is the default"
    said = reason.format(store=settings, bucket=settings.bucket, region=region)
    return _KINDS.get(reason, StorageUnavailable)(said + more, key=key)


def _region_in(error: ClientError) -> str | None:
    response: Any = error.response
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = headers.get("x-amz-bucket-region") or response["Error"].get("Region")
    return str(region) if region else None
