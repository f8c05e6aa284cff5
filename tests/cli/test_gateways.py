"""What each of several gateways on one port is told of the others."""

import httpx2

from cli.gateways import HOST, Share
from cli.ports import reserved, url_here


def test_a_share_is_read_as_it_was_written() -> None:
    share = Share(listener=7, number=2, ports=(10, 11, 12))
    assert Share.read(str(share)) == share


def test_each_has_a_page_of_its_own_and_knows_those_of_the_others() -> None:
    share = Share(listener=7, number=2, ports=(10, 11, 12))
    assert (share.name, share.own_page) == ("gateway-2", "http://127.0.0.1:11/metrics")
    assert list(share.pages_of_others(key=None)) == ["gateway-1", "gateway-3"]


async def test_each_serves_its_page_on_the_port_that_is_kept_for_it() -> None:
    async def read() -> None:
        async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:
            pages.append((await http.get(share.own_page)).raise_for_status().text)

    pages: list[str] = []
    with reserved(HOST) as port:
        share = Share(listener=7, number=1, ports=(port,))
        for _ in range(2):
            await share.beside_its_page(read(), None, key=None)
    assert all('{process="gateway-1"}' in page for page in pages)
    assert len(pages) == 2


def test_one_that_listens_everywhere_is_found_on_loopback() -> None:
    assert url_here("0.0.0.0", 80) == "http://127.0.0.1:80"  # noqa: S104 - nothing listens
    assert url_here("::", 80) == "http://[::1]:80"
