"""What the rest of the program is told: deployments, and where bytes and rows live."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from overnight.domain.deployment import Deployment
from overnight.domain.errors import InvalidConfig, UnknownDeployment

ANY_MODEL = "*"
"""As a deployment's `model_name`: it serves every name that no other deployment has."""


@dataclass(frozen=True, slots=True)
class LocalStorageSettings:
    """Bytes live in a folder of this machine."""

    root: Path


@dataclass(frozen=True, slots=True)
class BucketStorageSettings:
    """Bytes should live in a bucket; `kind` is s3, gcs or azure_blob. This version can't do that yet."""

    kind: str
    bucket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator can decide. `warnings` are for people, one sentence or two each."""

    deployments: tuple[Deployment, ...]
    default_model: str | None
    storage: LocalStorageSettings | BucketStorageSettings
    database_url: str
    master_key: str | None = field(repr=False)
    poll_initial: timedelta
    poll_max: timedelta
    data_dir: Path
    warnings: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """The names clients may put in `body.model`, as configured; a `*` is not a name."""
        names = dict.fromkeys(deployment.model_name for deployment in self.deployments)
        return tuple(name for name in names if name != ANY_MODEL)

    def deployments_for(self, model: str) -> tuple[Deployment, ...]:
        """Return the deployments of `model`: those of that name, or else those of any name; or none."""
        named = tuple(each for each in self.deployments if each.model_name == model)
        return named or tuple(each for each in self.deployments if each.model_name == ANY_MODEL)

    def deployment(self, deployment_id: str) -> Deployment:
        """Return the deployment a workflow has named. Raises UnknownDeployment."""
        for each in self.deployments:
            if each.id == deployment_id:
                return each
        raise UnknownDeployment(deployment_id)

    def local_storage(self) -> LocalStorageSettings:
        """Return where bytes live on this machine. Raises InvalidConfig when a bucket was asked for."""
        if isinstance(self.storage, BucketStorageSettings):
            bucket = f"the {self.storage.kind} bucket '{self.storage.bucket}'"
            raise InvalidConfig(
                f"batch_storage_params asks for {bucket}, but this version keeps bytes in a local folder; "
                "leave batch_storage_params out to use it."
            )
        return self.storage
