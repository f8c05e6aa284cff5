"""The search attributes that make the Temporal UI's list of batches filterable."""

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

STATUS = SearchAttributeKey.for_keyword("overnight_status")
MODEL = SearchAttributeKey.for_keyword("overnight_model")
PROVIDER = SearchAttributeKey.for_keyword("overnight_provider")
PROJECT = SearchAttributeKey.for_keyword("overnight_project")
COST = SearchAttributeKey.for_float("overnight_cost_usd")

KINDS = {
    STATUS.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    MODEL.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    PROVIDER.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    PROJECT.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    COST.name: IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
}


TYPES = {
    IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD: "Keyword",
    IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE: "Double",
}
"""What Temporal's own commands call those kinds."""

NOT_REGISTERED = "not registered"

_NOT_FOR_US = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED)


async def register(client: Client, *names: str) -> None:
    """Make sure the attributes (all, or those of these names) are known to the client's namespace.

    A workflow that sets one that is not is stuck. Raises RPCError.
    """
    kinds = {name: kind for name, kind in KINDS.items() if name in (names or KINDS)}
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=kinds)
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise


async def missing(client: Client) -> dict[str, str]:
    """Return what the client's namespace does not know, by name, with what it knows instead.

    Raises RPCError. Whoever may not list search attributes, as is usual in the Cloud, learns it from a query
    that names one.
    """
    asked = ListSearchAttributesRequest(namespace=client.namespace)
    try:
        known = (await client.operator_service.list_search_attributes(asked)).custom_attributes
    except RPCError as error:
        if error.status not in _NOT_FOR_US:
            raise
        return {name: NOT_REGISTERED for name in KINDS if not await _is_known(client, name)}
    return {name: _instead(known.get(name)) for name, kind in KINDS.items() if known.get(name) != kind}


def _instead(kind: IndexedValueType.ValueType | None) -> str:
    if kind is None:
        return NOT_REGISTERED
    return f"registered as {IndexedValueType.Name(kind).removeprefix('INDEXED_VALUE_TYPE_').capitalize()}"


async def _is_known(client: Client, name: str) -> bool:
    value = "0" if KINDS[name] == IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE else "''"
    try:
        await client.count_workflows(f"{name} = {value}")
    except RPCError as error:
        # Who may not even count can't tell; then it is left to the workflows.
        if error.status is RPCStatusCode.INVALID_ARGUMENT:
            return False
        if error.status not in _NOT_FOR_US:
            raise
    return True


def at_start(*, project: str, status: str) -> TypedSearchAttributes:
    """Return the attributes a batch's workflow is started with."""
    return TypedSearchAttributes([SearchAttributePair(PROJECT, project), SearchAttributePair(STATUS, status)])
