"""Where a deployment of Vertex AI's is: what follows from its location, and what its bucket's name says."""

from typing import NamedTuple

_HOST = "aiplatform.googleapis.com"
_GLOBAL = "global"
_SCHEME = "gs://"


class Bucket(NamedTuple):
    """A bucket's name, and below what in it: nothing, or a path that ends with a slash."""

    name: str
    prefix: str


def usual_base(location: str) -> str:
    """Return the host that answers for a location; `global` has one of its own."""
    return f"https://{_HOST}" if location == _GLOBAL else f"https://{location}-{_HOST}"


def bucket_in(written: str) -> Bucket:
    """Return the bucket that `my-bucket`, `my-bucket/some/path` or `gs://my-bucket/some/path` names."""
    name, _, path = written.removeprefix(_SCHEME).partition("/")
    prefix = path.strip("/")
    return Bucket(name, f"{prefix}/" if prefix else "")
