"""Why a batch waits, where only a gateway can tell: no worker is left to say that its deployment is gone."""

from dataclasses import replace

from overnight.config import Settings
from overnight.domain.batch import Batch
from overnight.domain.status import BatchStatus

_GONE = (
    "The configuration has no deployment {ids} of model '{model}' (any more), and so no worker. What is "
    "meant for it waits until it is back, or the completion window ends."
)


def explained(batch: Batch, settings: Settings) -> Batch:
    """Return the batch; one that runs on deployments which the configuration does not have says so."""
    known = {known_as for deployment in settings.all_deployments for known_as in deployment.ids}
    gone = [deployment for deployment in batch.deployments if deployment not in known]
    if not gone or batch.shown_status is not BatchStatus.IN_PROGRESS:
        return batch
    return replace(batch, waiting_on=_GONE.format(ids=", ".join(gone), model=batch.model))
