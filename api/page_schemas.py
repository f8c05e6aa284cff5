"""A page of a list, in OpenAI's words."""

from typing import Generic, Literal, Self, TypeVar

from pydantic import BaseModel


class Listed(BaseModel):
    """What a list may be of."""

    id: str


T = TypeVar("T", bound=Listed)


class PageObject(BaseModel, Generic[T]):
    """One page; its ids are where the next one, or the one before it, goes on."""

    object: Literal["list"] = "list"
    data: list[T]
    first_id: str | None
    last_id: str | None
    has_more: bool

    @classmethod
    def holding(cls, data: list[T], *, has_more: bool) -> Self:
        """Return the page of these."""
        first, last = (data[0].id, data[-1].id) if data else (None, None)
        return cls(data=data, first_id=first, last_id=last, has_more=has_more)
