"""A store that has a bucket not to itself but from a prefix on."""


class Prefix:
    """What all names in a bucket begin with: nothing, or folders."""

    def __init__(self, prefix: str) -> None:
        bare = prefix.strip("/")
        self._prefix = f"{bare}/" if bare else ""

    def name(self, key: str) -> str:
        """Return what the object is called in its bucket; also good for the prefix of a key."""
        return self._prefix + key

    def key(self, name: str) -> str:
        """Return the key of an object of the bucket that begins with the prefix."""
        return name.removeprefix(self._prefix)
