"""gcp-storage-emulator on a port, and what Google's own service does and it does not.

It answers several at once. It takes an empty object, drops what a broken connection brought half of (of an
upload in parts it keeps multiples of 256 KiB), gives an upload up (DELETE), remembers one that has ended,
knows generations when it is read and ranges that are not there, and lists in pages: of three, so that there
is more than one. What comes by a signed URL is of the type that it says. Each is as Google's references have
it.
"""

import json
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus, server
from typing import Any

from gcp_storage_emulator import server as emulator
from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.handlers import objects

PAGE = "3"
QUANTUM = 2**18
CANCELLED = type("Cancelled", (), {"value": 499, "phrase": "Client Closed Request"})

Handler = Callable[..., None]

_one_at_a_time = threading.RLock()
_ended: dict[str, Any] = {}


def read_data(handler: Any, query: Any) -> Any:
    """Read a request's body, of which there may be none, and of which a broken connection brings a part."""
    announced = int(handler.headers.get("Content-Length") or 0)
    file, got = handler.rfile, b""
    got = file.read(announced)
    if len(got) < announced:
        if "upload_id" not in query:
            raise ConnectionResetError
        got = got[: len(got) // QUANTUM * QUANTUM]
    json_wanted = (handler.headers.get("Content-Type") or "").startswith("application/json")
    return json.loads(got) if got and json_wanted and "upload_id" not in query else got


def locked(handler: Handler) -> Handler:
    def answer(request: Any, response: Any, storage: Any) -> None:
        _ = request.data  # Read before the others are made to wait.
        with _one_at_a_time:
            handler(request, response, storage)

    return answer


def upload_partial(request: Any, response: Any, storage: Any) -> None:
    upload_id = request.query["upload_id"][0]
    if upload_id in _ended:
        response.json(_ended[upload_id])
        return
    objects.upload_partial(request, response, storage)
    if response.status == HTTPStatus.OK:
        _ended[upload_id] = json.loads(response._content)


def give_up(request: Any, response: Any, storage: Any) -> None:
    storage.delete_resumable_file_obj(request.query["upload_id"][0])
    response.status = CANCELLED


def unfinished(request: Any, response: Any, storage: Any) -> None:
    bucket = request.params["bucket_name"]
    response.json([each for each in storage.resumable.values() if each["bucket"] == bucket])


def get(request: Any, response: Any, storage: Any) -> None:
    try:
        found = storage.get_file_obj(request.params["bucket_name"], request.params["object_id"])
    except NotFound:
        response.status = HTTPStatus.NOT_FOUND
        return
    wanted = request.query.get("generation", [found["generation"]])[0]
    start = int(request.get_header("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
    media = request.query.get("alt") == ["media"]
    if wanted != found["generation"]:
        response.status = HTTPStatus.NOT_FOUND
    elif media and start and start >= int(found["size"]):
        response.status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    else:
        response["X-Goog-Generation"] = found["generation"]
        objects.get(request, response, storage)


def ls(request: Any, response: Any, storage: Any) -> None:
    objects.ls(request, response, storage)
    if response.status == HTTPStatus.OK:
        listed = json.loads(response._content)
        after = request.query.get("pageToken", [""])[0]
        size = int(request.query.get("maxResults", [PAGE])[0])
        items = [item for item in listed["items"] if item["name"] > after]
        page = {"kind": "storage#objects", "items": items[:size]}
        more = {"nextPageToken": items[size - 1]["name"]} if len(items) > size else {}
        response.json({**page, **more})


def download(request: Any, response: Any, storage: Any) -> None:
    objects.download(request, response, storage)
    if kind := request.query.get("response-content-type"):
        response["Content-type"] = kind[0]  # As it spells it.


OURS: dict[tuple[str, Handler], Handler] = {
    ("PUT", objects.upload_partial): upload_partial,
    ("GET", objects.get): get,
    ("GET", objects.ls): ls,
    ("GET", objects.download): download,
}


def handlers() -> Any:
    """Return the emulator's table of addresses with ours in it."""
    for address, methods in emulator.HANDLERS:
        table = {method: OURS.get((method, known), known) for method, known in methods.items()}
        if upload_partial in table.values():
            table |= {"DELETE": give_up, "GET": unfinished}
        yield address, {method: locked(handler) for method, handler in table.items()}


def main(port: int) -> None:
    emulator.HANDLERS = tuple(handlers())
    emulator._read_data = read_data
    server.HTTPServer = server.ThreadingHTTPServer  # type: ignore[misc]
    emulator.create_server("127.0.0.1", port, in_memory=True).run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
