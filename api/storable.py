"""Strings that every database can hold."""

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError


def _storable(text: str) -> str:
    # JSON can spell a NUL, and PostgreSQL can't hold one.
    if "\0" in text:
        raise PydanticCustomError("nul", "a string can't hold the character NUL")
    return text


Storable = AfterValidator(_storable)
