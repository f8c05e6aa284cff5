"""What becomes of a shard whose deployment was taken out of the configuration meanwhile."""

import pytest

from activities.job_payloads import DownloadOrder, JobCall, Recalled, Remains, SubmitOrder
from overnight.domain.errors import UnknownDeployment
from tests.activities.shop import Shop, job_order, said

GONE = job_order(deployment="dep_gone")
SUBMIT = SubmitOrder(job=GONE, file_id="file-1")


async def test_before_anything_was_submitted_it_is_a_refusal(shop: Shop) -> None:
    await shop.given(said(2))
    for refused in (
        (await shop.run(shop.jobs.upload, GONE, attempt=3)).refusal,
        (await shop.run(shop.jobs.submit, SUBMIT)).refusal,
    ):
        assert refused is not None
        assert refused.code == "unknown_deployment"
        assert "dep_gone" in refused.message


async def test_nothing_can_be_recalled_from_there(shop: Shop) -> None:
    await shop.given(said(2))
    assert await shop.run(shop.jobs.recall, GONE) == Recalled()


@pytest.mark.parametrize("verb", ["submit", "poll", "cancel", "download", "clean_up"])
async def test_a_job_that_may_be_there_waits_for_it_to_come_back_and_says_so(shop: Shop, verb: str) -> None:
    await shop.given(said(2))
    orders = {
        "submit": SUBMIT,
        "download": DownloadOrder(job=GONE, job_id="batch_1"),
        "clean_up": Remains(provider="openai", deployment="dep_gone", uploads=(GONE,)),
    }
    order = orders.get(verb, JobCall(job=GONE, job_id="batch_1"))
    with pytest.raises(UnknownDeployment):
        await shop.run(getattr(shop.jobs, verb), order, attempt=2)
    assert "dep_gone" in (await shop.waiting_on() or "")
