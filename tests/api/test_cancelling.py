"""Cancelling a batch, and what has become of it by then."""

from datetime import timedelta

import pytest

from overnight.domain.status import BatchStatus
from tests.api.creates import NOON, create, settle
from tests.api.served import Served


class TestCancel:
    @pytest.mark.parametrize("status", [BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.EXPIRED])
    async def test_what_has_ended_can_not_be_cancelled(self, served: Served, status: BatchStatus) -> None:
        batch_id = (await create(served))["id"]
        await settle(served, batch_id, status)
        async with served.http() as http:
            answer = await http.post(f"/v1/batches/{batch_id}/cancel")
        assert answer.status_code == 409
        assert answer.headers["x-should-retry"] == "false"
        assert answer.json()["error"] == {
            "message": f"Cannot cancel a batch with status '{status}'.",
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        }

    async def test_cancelling_twice_is_cancelling_once(self, served: Served) -> None:
        batch_id = (await create(served))["id"]
        served.clock.now = NOON
        async with served.http() as http:
            first = await http.post(f"/v1/batches/{batch_id}/cancel")
            served.clock.now = NOON + timedelta(hours=1)
            again = await http.post(f"/v1/batches/{batch_id}/cancel")
        assert (first.status_code, again.status_code) == (200, 200)
        assert first.json() == again.json()
        assert again.json()["cancelling_at"] == int(NOON.timestamp())

    async def test_what_is_cancelled_stays_so_without_an_error(self, served: Served) -> None:
        batch_id = (await create(served))["id"]
        await settle(served, batch_id, BatchStatus.CANCELLED)
        async with served.http() as http:
            answer = await http.post(f"/v1/batches/{batch_id}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
        assert served.runs.cancelled == []

    async def test_a_batch_that_ends_at_that_moment_is_not_cancelled(
        self, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batch_id = (await create(served))["id"]

        async def cancel(_: str) -> None:
            # The workflow still takes the signal: after its last status it has a little to tidy up.
            await settle(served, batch_id, BatchStatus.COMPLETED)

        monkeypatch.setattr(served.runs, "cancel", cancel)
        async with served.http() as http:
            answer = await http.post(f"/v1/batches/{batch_id}/cancel")
            batch = (await http.get(f"/v1/batches/{batch_id}")).json()
        assert answer.status_code == 409
        assert (batch["status"], batch["cancelling_at"]) == ("completed", None)

    async def test_a_batch_that_is_cancelled_at_that_moment_is_shown_so(
        self, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batch_id = (await create(served))["id"]

        async def cancel(_: str) -> None:
            await settle(served, batch_id, BatchStatus.CANCELLED)

        monkeypatch.setattr(served.runs, "cancel", cancel)
        async with served.http() as http:
            answer = await http.post(f"/v1/batches/{batch_id}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")

    async def test_a_cancel_that_came_at_the_last_moment_keeps_its_time(self, served: Served) -> None:
        batch_id = (await create(served))["id"]
        served.clock.now = NOON
        async with served.http() as http:
            await http.post(f"/v1/batches/{batch_id}/cancel")
            # The workflow had no time to go through `cancelling`, and has stamped only the end.
            await settle(served, batch_id, BatchStatus.CANCELLED)
            batch = (await http.get(f"/v1/batches/{batch_id}")).json()
        assert (batch["status"], batch["cancelling_at"]) == ("cancelled", int(NOON.timestamp()))

    async def test_a_cancel_that_came_too_late_does_not_show(self, served: Served) -> None:
        batch_id = (await create(served))["id"]
        async with served.http() as http:
            await http.post(f"/v1/batches/{batch_id}/cancel")
            await settle(served, batch_id, BatchStatus.COMPLETED)
            batch = (await http.get(f"/v1/batches/{batch_id}")).json()
        assert (batch["status"], batch["cancelling_at"]) == ("completed", None)
