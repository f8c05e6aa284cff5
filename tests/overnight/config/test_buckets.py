"""What `batch_storage_params` mean."""

import pytest

from overnight.config import LocalStorageSettings
from overnight.domain.errors import InvalidConfig
from overnight.storage.settings import AzureBlobSettings, GcsSettings, S3Settings, StorageSettings
from tests.overnight.config.conftest import Load

AWS = {"AWS_ACCESS_KEY_ID": "ASIA", "AWS_SECRET_ACCESS_KEY": "very-secret"}


def config(params: str) -> str:
    return f"batch_settings: {{batch_storage_params: {{{params}}}}}"


def storage(load: Load, params: str, environ: dict[str, str] | None = None) -> StorageSettings:
    return load(config(params), environ or {}).storage


def prefix_of(read: StorageSettings) -> str:
    assert not isinstance(read, LocalStorageSettings)
    return read.prefix


def test_a_bucket_alone_is_used_with_the_credentials_that_are_found(load: Load) -> None:
    assert storage(load, "s3_bucket_name: b") == S3Settings(bucket="b")
    assert storage(load, "gcs_bucket_name: b") == GcsSettings(bucket="b")
    named = "azure_storage_container: c, azure_storage_account_name: a"
    assert storage(load, named) == AzureBlobSettings(container="c", account_name="a")


def test_every_key_of_s3_is_read(load: Load) -> None:
    read = storage(
        load,
        "s3_bucket_name: b, s3_region_name: eu-west-1, s3_aws_access_key_id: k, "
        "s3_aws_secret_access_key: s, s3_aws_session_token: t, s3_endpoint_url: 'https://minio:9000', "
        "s3_prefix: night, s3_server_side_encryption: 'aws:kms:dsse', s3_sse_kms_key_id: key-1",
    )
    assert read == S3Settings(
        bucket="b",
        region="eu-west-1",
        access_key_id="k",
        secret_access_key="s",
        session_token="t",
        endpoint_url="https://minio:9000",
        prefix="night",
        encryption="aws:kms:dsse",
        kms_key_id="key-1",
    )


def test_every_key_of_the_others_is_read(load: Load) -> None:
    gcs = storage(load, "gcs_bucket_name: b, gcs_prefix: night, gcs_path_service_account: /x.json")
    azure = storage(
        load,
        "azure_storage_container: c, azure_storage_account_name: a, azure_storage_account_key: k, "
        "azure_storage_connection_string: s, azure_prefix: night",
    )
    assert gcs == GcsSettings(bucket="b", prefix="night", credentials="/x.json")
    assert azure == AzureBlobSettings(
        container="c", account_name="a", account_key="k", connection_string="s", prefix="night"
    )


@pytest.mark.parametrize(
    "params",
    [
        "s3_bucket_name: b, s3_prefix: {}",
        "s3_bucket_name: b, s3_path: {}",
        "gcs_bucket_name: b, gcs_prefix: {}",
        "gcs_bucket_name: b, gcs_path: {}",
        "azure_storage_container: c, azure_storage_account_name: a, azure_prefix: {}",
    ],
)
@pytest.mark.parametrize(("written", "prefix"), [("/two/deep/", "two/deep"), ("night", "night"), ("''", "")])
def test_a_prefix_is_folders_however_it_is_written_and_called(
    load: Load, params: str, written: str, prefix: str
) -> None:
    assert prefix_of(storage(load, params.format(written))) == prefix


@pytest.mark.parametrize("kind", ["s3", "gcs"])
def test_our_name_for_a_prefix_goes_before_litellms(load: Load, kind: str) -> None:
    both = storage(load, f"{kind}_bucket_name: b, {kind}_path: theirs, {kind}_prefix: ours")
    assert prefix_of(both) == "ours"


def test_a_kms_key_means_encryption_with_it(load: Load) -> None:
    read = storage(load, "s3_bucket_name: b, s3_sse_kms_key_id: key-1")
    assert read == S3Settings(bucket="b", encryption="aws:kms", kms_key_id="key-1")


def test_a_key_of_the_environments_brings_its_session_token(load: Load) -> None:
    params = (
        "s3_bucket_name: b, s3_aws_access_key_id: os.environ/AWS_ACCESS_KEY_ID, "
        "s3_aws_secret_access_key: os.environ/AWS_SECRET_ACCESS_KEY"
    )
    with_token = storage(load, params, {**AWS, "AWS_SESSION_TOKEN": "of-this-key"})
    of_another = storage(
        load,
        "s3_bucket_name: b, s3_aws_access_key_id: k, s3_aws_secret_access_key: s",
        {**AWS, "AWS_SESSION_TOKEN": "of-another-key"},
    )
    assert isinstance(with_token, S3Settings)
    assert isinstance(of_another, S3Settings)
    assert (with_token.session_token, of_another.session_token) == ("of-this-key", None)


def test_without_a_bucket_bytes_live_in_the_data_folder(load: Load) -> None:
    assert isinstance(load("batch_settings: {batch_storage_params: }").storage, LocalStorageSettings)


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ("s3_region_name: r", "s3_bucket_name: is missing"),
        ("gcs_path_service_account: x", "gcs_bucket_name: is missing"),
        ("azure_storage_account_key: k", "azure_storage_container: is missing"),
        ("azure_storage_container: c", "azure_storage_account_name: is missing"),
        ("s3_bucket_name: b, s3_aws_access_key_id: k", "s3_aws_secret_access_key: is missing"),
        ("s3_bucket_name: b, s3_aws_secret_access_key: k", "s3_aws_access_key_id: is missing"),
        ("s3_bucket_name: b, s3_endpoint_url: minio", "s3_endpoint_url: should be a URL"),
        ("s3_bucket_name: b, s3_server_side_encryption: rot13", "s3_server_side_encryption: should be"),
        ("s3_bucket_name: b, gcs_bucket_name: b", "one place only, but it names s3 and gcs"),
        ("s3_bucket: b", "did you mean `s3_bucket_name`"),
        ("gcs_prefix: x", "gcs_bucket_name: is missing"),
        ("azure_prefix: x", "azure_storage_container: is missing"),
        ("gcs_bucket_name: b, gcs_prefix: ../x", "gcs_prefix: should be folders"),
        ("s3_bucket_name: b, s3_path: a//b", "s3_path: should be folders"),
        ("azure_storage_container: c, azure_storage_prefix: x", "did you mean `azure_prefix`"),
    ],
)
def test_what_is_wrong_is_named(load: Load, params: str, problem: str) -> None:
    with pytest.raises(InvalidConfig, match=problem):
        load(config(params))


def test_no_secret_is_shown_where_settings_are(load: Load) -> None:
    secrets = [
        storage(load, "s3_bucket_name: b, s3_aws_access_key_id: k1-x, s3_aws_secret_access_key: k2-x"),
        storage(load, "gcs_bucket_name: b, gcs_path_service_account: '{k3-x}'"),
        storage(load, "azure_storage_container: c, azure_storage_connection_string: k4-x"),
    ]
    assert "-x" not in f"{secrets!r} {[str(each) for each in secrets]}"


def test_downloads_come_through_the_gateway_unless_they_are_to_be_redirected(load: Load) -> None:
    assert load(config("s3_bucket_name: b")).redirect_downloads is False
    assert load(config("s3_bucket_name: b, redirect_downloads: true")).redirect_downloads is True
    assert load(config("redirect_downloads: false")).redirect_downloads is False


def test_a_local_folder_has_nowhere_to_redirect_to(load: Load) -> None:
    with pytest.raises(InvalidConfig, match="redirect_downloads: needs a bucket"):
        load(config("redirect_downloads: true"))
