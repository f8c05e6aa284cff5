"""What each of several gateways on one port is told of the others."""

from cli.gateways import Share
from cli.ports import url_here


def test_a_share_is_read_as_it_was_written() -> None:
    share = Share(listener=7, number=2, ports=(10, 11, 12))
    assert Share.read(str(share)) == share


def test_each_has_a_page_of_its_own_and_knows_those_of_the_others() -> None:
    share = Share(listener=7, number=2, ports=(10, 11, 12))
    assert (share.name, share.own_page) == ("gateway-2", "http://127.0.0.1:11/metrics")
    assert list(share.pages_of_others(key=None)) == ["gateway-1", "gateway-3"]


def test_one_that_listens_everywhere_is_found_on_loopback() -> None:
    assert url_here("0.0.0.0", 80) == "http://127.0.0.1:80"  # noqa: S104 - nothing listens
    assert url_here("::", 80) == "http://[::1]:80"
