"""What providers that copy OpenAI's batch API do otherwise, and where the key goes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from overnight.domain.batch import BatchError
from overnight.domain.deployment import Deployment
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import (
    NoPlace,
    ProviderRefused,
    ProviderUnavailable,
    ResultsCut,
    SubmissionUnclear,
)
from overnight.domain.job import Job
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts
from overnight.providers import Result
from overnight.providers.openai import OpenAIProvider
from overnight.providers.protocol import RESULTS_GONE
from overnight.providers.shapes import read_job
from tests.overnight.providers.desks import KEY, tag
from tests.overnight.providers.jobs import collect
from tests.overnight.providers.scripted import Reply, Scripted, scripted

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
LATER = int(SINCE.timestamp()) + 60
CHAT = Endpoint.CHAT_COMPLETIONS


@pytest.fixture
async def script() -> AsyncIterator[Scripted]:
    async with scripted() as script:
        yield script


@pytest.fixture
async def provider(script: Scripted) -> AsyncIterator[OpenAIProvider]:
    deployment = Deployment(
        id="dep",
        model_name="gpt",
        provider="openai",
        model="gpt",
        api_base=f"{script.url}/v1",
        api_key=KEY,
        organization="org-one",
        project="proj-two",
    )
    provider = OpenAIProvider(deployment)
    yield provider
    await provider.close()


def a_job(number: int = 1, **said: object) -> dict[str, object]:
    metadata = {"overnight_tag": str(tag(number))}
    usual = {"id": f"batch_{number}", "status": "in_progress", "created_at": LATER, "metadata": metadata}
    return {**usual, **said}


def a_page(*items: object, **said: object) -> dict[str, object]:
    return {"object": "list", "data": list(items), **said}


# --- jobs --------------------------------------------------------------------------------------


async def test_a_job_may_have_its_errors_in_a_bare_array(script: Scripted, provider: OpenAIProvider) -> None:
    errors = [{"code": "invalid_method", "message": "No.", "param": None, "line": 2}]
    script.says("GET /v1/batches/b", a_job(status="failed", errors=errors))
    job = await provider.poll("b")
    assert job.errors == (BatchError(code="invalid_method", message="No.", line=2),)


async def test_next_to_everything_of_a_job_may_be_missing(script: Scripted, provider: OpenAIProvider) -> None:
    script.says("GET /v1/batches/b", {"id": "b"})
    assert await provider.poll("b") == Job(id="b", status=BatchStatus.IN_PROGRESS)


async def test_fields_of_odd_types_count_as_missing(script: Scripted, provider: OpenAIProvider) -> None:
    odd = {
        "id": "b",
        "status": "Canceled",
        "created_at": "yesterday",
        "metadata": "none",
        "errors": "many",
        "request_counts": {"total": "7", "completed": None, "failed": -1},
        "output_file_id": "",
        "error_file_id": 0.5,
    }
    script.says("GET /v1/batches/b", odd)
    assert await provider.poll("b") == Job(id="b", status=BatchStatus.CANCELLED, counts=Counts(total=7))


async def test_a_status_nobody_knows_is_never_the_end(script: Scripted, provider: OpenAIProvider) -> None:
    script.says("GET /v1/batches/b", a_job(status="paused_for_lunch"))
    assert (await provider.poll("b")).status is BatchStatus.IN_PROGRESS


async def test_a_created_job_without_an_id_is_unclear(script: Scripted, provider: OpenAIProvider) -> None:
    script.says("POST /v1/batches", {"status": "validating"})
    with pytest.raises(SubmissionUnclear):
        await provider.submit(tag=tag(), file_id="f", endpoint=CHAT)


async def test_a_job_is_ordered_with_our_tag_and_no_more_metadata(
    script: Scripted, provider: OpenAIProvider
) -> None:
    orders = []

    async def create(request: web.Request) -> web.Response:
        orders.append(await request.json())
        return web.json_response(a_job(metadata=None))

    script.answers("POST /v1/batches", create)
    job = await provider.submit(tag=tag(), file_id="file-1", endpoint=CHAT)
    assert job.tag == str(tag())
    assert orders == [
        {
            "input_file_id": "file-1",
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "metadata": {"overnight_tag": str(tag())},
        }
    ]


# --- listings ----------------------------------------------------------------------------------


async def test_a_listing_may_go_on_by_cursor(script: Scripted, provider: OpenAIProvider) -> None:
    first = a_page(a_job(2), paging={"next_cursor": "further"})
    script.says("GET /v1/batches", first, a_page(a_job(1), paging={"next_cursor": None}))
    found = await provider.find(tag().of_shard, since=SINCE)
    assert [job.id for job in found] == ["batch_1", "batch_2"]
    assert script.queries == [{"limit": "100"}, {"limit": "100", "cursor": "further"}]


async def test_a_listing_that_ignores_where_to_go_on_ends(script: Scripted, provider: OpenAIProvider) -> None:
    script.says("GET /v1/batches", a_page(a_job(1), has_more=True))
    assert len(await provider.find(tag().of_shard, since=SINCE)) == 1
    assert len(script.asked) == 2


async def test_a_listing_from_old_to_new_is_read_to_its_end(
    script: Scripted, provider: OpenAIProvider
) -> None:
    ages = [a_job(1, created_at=1_000_000), a_job(2, created_at=1_000_100)]
    script.says("GET /v1/batches", a_page(*ages, has_more=True), a_page(a_job(3)))
    found = await provider.find(tag().of_shard, since=SINCE)
    assert [job.id for job in found] == ["batch_3"]


async def test_clocks_that_differ_by_minutes_hide_no_job(script: Scripted, provider: OpenAIProvider) -> None:
    early = (SINCE - timedelta(minutes=5)).timestamp()
    script.says("GET /v1/batches", a_page(a_job(1, created_at=early)))
    assert len(await provider.find(tag().of_shard, since=SINCE)) == 1


async def test_without_metadata_a_job_is_known_by_the_name_of_its_file(
    script: Scripted, provider: OpenAIProvider
) -> None:
    mine = a_job(metadata=None, input_file_id="file-1")
    another = a_job(2, metadata={}, input_file_id="file-2")
    script.says("GET /v1/batches", a_page(another, mine))
    files = [{"id": "file-2", "filename": "notes.jsonl"}, {"id": "file-1", "filename": tag(4).filename}]
    script.says("GET /v1/files", a_page(*files))
    found = await provider.find(tag().of_shard, since=SINCE)
    assert [(job.id, job.tag) for job in found] == [("batch_1", str(tag(4)))]


async def test_files_are_not_asked_for_when_metadata_comes_back(
    script: Scripted, provider: OpenAIProvider
) -> None:
    script.says("GET /v1/batches", a_page(a_job(1)))
    await provider.find(tag().of_shard, since=SINCE)
    assert [request.path for request in script.asked] == ["/v1/batches"]


async def test_a_hundred_jobs_looked_for_at_once_are_listed_twice(
    script: Scripted, provider: OpenAIProvider
) -> None:
    """The first has begun to read before the others ask; what it reads may be too old for them."""
    script.says("GET /v1/batches", a_page(*(a_job(number) for number in range(1, 101))))
    wanted = [str(tag(number)) for number in range(1, 101)]
    found = await asyncio.gather(*(provider.find(each, since=SINCE) for each in wanted))
    assert [
        [job.tag for job in jobs if job.tag == each] for each, jobs in zip(wanted, found, strict=True)
    ] == [[each] for each in wanted]
    assert len(script.asked) <= 2


# --- errors ------------------------------------------------------------------------------------


async def test_an_error_may_be_a_mere_text(script: Scripted, provider: OpenAIProvider) -> None:
    script.says("POST /v1/batches", {"error": "No such   endpoint"}, status=400)
    with pytest.raises(ProviderRefused, match=r"says: No such endpoint \(400\)"):
        await provider.submit(tag=tag(), file_id="f", endpoint=CHAT)


async def test_a_429_about_tokens_is_no_place_and_says_when_to_come_back(
    script: Scripted, provider: OpenAIProvider
) -> None:
    said = {"error": {"message": "Enqueued token limit reached for gpt.", "type": "tokens", "code": None}}
    script.says("POST /v1/batches", said, status=429, headers={"retry-after-ms": "2500"})
    with pytest.raises(NoPlace) as caught:
        await provider.submit(tag=tag(), file_id="f", endpoint=CHAT)
    assert caught.value.retry_after == timedelta(seconds=2.5)


async def test_a_provider_that_quotes_the_key_is_not_quoted_with_it(
    script: Scripted, provider: OpenAIProvider
) -> None:
    script.says("POST /v1/batches", {"error": {"message": f"Who is {KEY}?", "code": "who"}}, status=400)
    with pytest.raises(ProviderRefused, match=r"Who is …\?") as caught:
        await provider.submit(tag=tag(), file_id="f", endpoint=CHAT)
    assert KEY not in caught.value.message


async def test_an_endless_error_is_quoted_in_part(script: Scripted, provider: OpenAIProvider) -> None:
    script.says("POST /v1/batches", {"error": {"message": "no " * 9_999}}, status=400)
    with pytest.raises(ProviderRefused) as caught:
        await provider.submit(tag=tag(), file_id="f", endpoint=CHAT)
    assert len(caught.value.message) < 500


async def test_an_answer_without_end_is_not_read_to_it(script: Scripted, provider: OpenAIProvider) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(2**20))

    script.answers("GET /v1/batches/b", endless)
    with pytest.raises(ProviderUnavailable, match="too long"):
        await provider.poll("b")


# --- where bytes go ----------------------------------------------------------------------------


async def test_an_upload_is_sent_while_it_is_still_being_read(
    script: Scripted, provider: OpenAIProvider
) -> None:
    arrived = asyncio.Event()
    size = 8 * 2**20

    async def content() -> AsyncIterator[bytes]:
        yield bytes(size - 1)
        # Whoever gathers all of it before sending any waits here for ever.
        await arrived.wait()
        yield b"\n"

    async def receive(request: web.Request) -> web.Response:
        await request.content.readexactly(size // 2)
        arrived.set()
        await request.read()
        return web.json_response({"id": "file-1"})

    script.answers("POST /v1/files", receive)
    async with asyncio.timeout(60):
        assert await provider.upload(content, size=size, tag=tag()) == "file-1"
    assert int(script.asked[0].headers["Content-Length"]) > size
    assert "Transfer-Encoding" not in script.asked[0].headers


async def test_what_keeps_the_content_from_being_read_is_raised(
    script: Scripted, provider: OpenAIProvider
) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield b"{"
        raise LookupError

    async def receive(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"id": "file-1"})

    script.answers("POST /v1/files", receive)
    with pytest.raises(LookupError):
        await provider.upload(content, size=9, tag=tag())


async def test_a_request_says_whose_it_is(script: Scripted, provider: OpenAIProvider) -> None:
    script.says("GET /v1/batches/b", a_job())
    await provider.poll("b")
    headers = script.asked[0].headers
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert (headers["OpenAI-Organization"], headers["OpenAI-Project"]) == ("org-one", "proj-two")


async def test_results_that_lie_elsewhere_are_fetched_without_the_key(
    script: Scripted, provider: OpenAIProvider
) -> None:
    line = b'{"id":"r","custom_id":"a","response":{"status_code":200,"request_id":"q","body":{"x":1}}}'

    async def blob(_request: web.Request) -> web.Response:
        return web.Response(body=line)

    async with scripted() as elsewhere:
        elsewhere.answers("GET /signed", blob)
        target = {"Location": f"{elsewhere.url}/signed?sig=1"}
        script.says("GET /v1/files/out/content", None, status=302, headers=target)
        job = Job(id="b", status=BatchStatus.COMPLETED, output_file_id="out")
        results = [result async for result in provider.results(job)]
        assert results == [Result(key="a", id="r", status=200, request_id="q", body=b'{"x":1}')]
        assert "Authorization" not in elsewhere.asked[0].headers
        assert "OpenAI-Organization" not in elsewhere.asked[0].headers


async def test_a_file_that_stops_in_mid_line_does_not_take_the_other_s_results_with_it(
    script: Scripted, provider: OpenAIProvider
) -> None:
    line = b'{"custom_id":"%b","response":{"status_code":200,"body":{"x":1}}}'

    def sends(content: bytes) -> Reply:
        async def reply(_request: web.Request) -> web.Response:
            return web.Response(body=content)

        return reply

    script.answers("GET /v1/files/out/content", sends(line % b"a" + b"\n" + (line % b"b")[:-9]))
    script.answers("GET /v1/files/bad/content", sends(line % b"c"))
    job = Job(id="b", status=BatchStatus.COMPLETED, output_file_id="out", error_file_id="bad")
    found: list[Result] = []
    with pytest.raises(ResultsCut):
        await collect(provider.results(job), into=found)
    assert [result.key for result in found] == ["a", "c"]


@pytest.mark.parametrize("status", [404, 410])
async def test_only_the_api_s_own_word_has_a_result_file_gone(
    script: Scripted, provider: OpenAIProvider, status: int
) -> None:
    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="<html>not here</html>", status=status, content_type="text/html")

    job = Job(id="b", status=BatchStatus.COMPLETED, output_file_id="out")
    script.answers("GET /v1/files/out/content", page)
    with pytest.raises(ProviderUnavailable, match=str(status)):
        await collect(provider.results(job), into=[])
    script.says("GET /v1/files/out/content", {"error": {"message": "No such File object"}}, status=status)
    with pytest.raises(ProviderRefused, match="has no result file out") as caught:
        await collect(provider.results(job), into=[])
    assert caught.value.code == RESULTS_GONE


async def test_a_download_sent_round_in_circles_ends(script: Scripted, provider: OpenAIProvider) -> None:
    script.says("GET /v1/files/out/content", None, status=302, headers={"Location": "content"})
    job = Job(id="b", status=BatchStatus.COMPLETED, output_file_id="out")
    with pytest.raises(ProviderUnavailable, match="redirects"):
        [result async for result in provider.results(job)]


async def test_a_create_is_not_redirected(script: Scripted, provider: OpenAIProvider) -> None:
    async with scripted() as elsewhere:
        target = {"Location": f"{elsewhere.url}/v1/batches"}
        script.says("POST /v1/batches", None, status=307, headers=target)
        with pytest.raises(ProviderRefused) as caught:
            await provider.submit(tag=tag(), file_id="f", endpoint=CHAT)
        assert caught.value.code == "unexpected_redirect"
        assert elsewhere.asked == []


async def test_ids_are_not_taken_for_paths(script: Scripted, provider: OpenAIProvider) -> None:
    with pytest.raises(ProviderUnavailable):
        await provider.poll("../files")
    assert script.asked[0].raw_path == "/v1/batches/..%2Ffiles"


async def test_what_a_provider_says_of_an_error_is_cut_to_a_length_that_can_travel() -> None:
    wordy = {"code": "c" * 500, "message": "m" * 5_000, "param": "p" * 5_000, "line": 1}
    job = read_job({"id": "b", "status": "failed", "errors": {"data": [wordy]}})
    assert job is not None
    assert job.errors == (BatchError(code="c" * 64, message="m" * 300, param="p" * 300, line=1),)
