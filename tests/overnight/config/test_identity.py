"""What histories name deployments by: a job's account is never mixed up with another's."""

from collections.abc import Sequence

import pytest

from overnight.config import Settings
from overnight.domain.errors import InvalidConfig, UnknownDeployment
from overnight.domain.ids import deployment_id
from tests.overnight.config.conftest import Load


def azure(resource: str, *, key: str = "k", own_id: str | None = None) -> str:
    named = "" if own_id is None else f", model_info: {{id: {own_id}}}"
    base = f"https://{resource}.openai.azure.com"
    params = f'{{model: azure/gpt-4o, api_key: {key}, api_base: "{base}"}}'
    return f"{{model_name: gpt, litellm_params: {params}{named}}}"


def vertex(project: str, *, location: str = "global", key: str = "anonymous") -> str:
    params = f"vertex_project: {project}, vertex_location: {location}, vertex_credentials: {key}"
    bucket = "gcs_bucket_name: rows"
    return f"{{model_name: gem, litellm_params: {{model: vertex_ai/gemini-2.5-pro, {params}, {bucket}}}}}"


def openai(organization: str, *, project: str = "p", key: str = "k") -> str:
    params = f"organization: {organization}, project: {project}, api_key: {key}"
    return f"{{model_name: gpt, litellm_params: {{model: openai/gpt-4o, {params}}}}}"


@pytest.fixture
def listing(load: Load) -> "Listing":
    return Listing(load)


class Listing:
    """Settings whose `model_list` is these entries."""

    def __init__(self, load: Load) -> None:
        self._load = load

    def __call__(self, *entries: str) -> Settings:
        return self._load(f"model_list: [{', '.join(entries)}]")


def ids(settings: Settings) -> list[str]:
    return [each.id for each in settings.deployments]


def bases(settings: Settings, names: Sequence[str]) -> list[str | None]:
    """Return which resource each of the ids leads to, None where it leads nowhere."""

    def base(name: str) -> str | None:
        try:
            return settings.deployment(name).api_base.removeprefix("https://").partition(".")[0]
        except UnknownDeployment:
            return None

    return [base(name) for name in names]


def test_an_entry_that_is_alone_has_the_id_of_its_kind_and_keeps_it_when_it_moves(listing: Listing) -> None:
    assert ids(listing(azure("first"))) == [deployment_id("gpt", "azure", "gpt-4o", "0")]
    assert ids(listing(azure("second"))) == ids(listing(azure("first")))


def test_removing_one_of_several_sends_nobodys_jobs_to_another_account(listing: Listing) -> None:
    running = ids(listing(azure("first"), azure("second"), azure("third")))
    assert bases(listing(azure("second"), azure("third")), running) == [None, "second", "third"]
    assert bases(listing(azure("second")), running) == [None, "second", None]


def test_the_order_of_several_alike_means_nothing(listing: Listing) -> None:
    running = ids(listing(azure("first"), azure("second")))
    assert bases(listing(azure("second"), azure("first")), running) == ["first", "second"]
    assert bases(listing(azure("new"), azure("second"), azure("first")), running) == ["first", "second"]


def test_a_key_is_no_part_of_an_id(listing: Listing) -> None:
    running = ids(listing(azure("first"), azure("second")))
    assert ids(listing(azure("first", key="rotated"), azure("second"))) == running


def test_jobs_from_when_an_entry_was_alone_are_its_own_once_another_stands_below(listing: Listing) -> None:
    running = ids(listing(azure("first")))
    assert bases(listing(azure("first"), azure("second")), running) == ["first"]


def test_jobs_from_before_ids_knew_accounts_are_found_by_their_places(listing: Listing) -> None:
    running = [deployment_id("gpt", "azure", "gpt-4o", f"{place}") for place in range(3)]
    assert bases(listing(azure("first"), azure("second")), running) == ["first", "second", None]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (vertex("one"), vertex("other")),
        (vertex("one"), vertex("one", location="us-central1")),
        (openai("one"), openai("other")),
        (openai("one"), openai("one", project="other")),
    ],
    ids=["google's project", "google's location", "organization", "project"],
)
def test_what_tells_accounts_apart_tells_ids_apart(listing: Listing, one: str, other: str) -> None:
    assert ids(listing(one, other)) == ids(listing(other, one))[::-1]


def test_entries_of_one_account_are_told_apart_by_their_places(listing: Listing) -> None:
    several = listing(openai("one"), openai("one", key="another"), openai("other"))
    assert len({each for deployment in several.deployments for each in deployment.ids}) == 6
    assert ids(several)[0] == ids(listing(openai("other"), openai("one", key="another")))[1]


def test_an_id_of_its_own_is_what_an_entry_goes_by(listing: Listing) -> None:
    running = ids(listing(azure("first", own_id="eu"), azure("second", own_id="us")))
    assert len({*running}) == 2
    assert bases(listing(azure("moved", own_id="us"), azure("first", own_id="eu")), running) == [
        "first",
        "moved",
    ]
    assert bases(listing(azure("second", own_id="other")), running) == [None, None]


def test_an_entry_that_is_given_an_id_keeps_the_jobs_it_had_without(listing: Listing) -> None:
    alone, several = ids(listing(azure("first"))), ids(listing(azure("first"), azure("second")))
    assert bases(listing(azure("first", own_id="eu")), alone) == ["first"]
    named = listing(azure("second", own_id="us"), azure("first", own_id="eu"))
    assert bases(named, several) == ["first", "second"]


def test_no_two_entries_have_one_id(listing: Listing) -> None:
    with pytest.raises(InvalidConfig, match=r"model_list\[1\].model_info.id: another entry has this id"):
        listing(azure("first", own_id="eu"), azure("second", own_id="eu"))
    with pytest.raises(InvalidConfig, match=r"model_info.id: should"):
        listing(azure("first", own_id="[]"))
    assert ids(listing(azure("first", own_id="1"))) == ids(listing(azure("first", own_id="'1'")))
