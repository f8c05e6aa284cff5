"""The search attributes that make the Temporal UI's list of batches filterable."""

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

STATUS = SearchAttributeKey.for_keyword("overnight_status")
MODEL = SearchAttributeKey.for_keyword("overnight_model")
PROVIDER = SearchAttributeKey.for_keyword("overnight_provider")
PROJECT = SearchAttributeKey.for_keyword("overnight_project")
COST = SearchAttributeKey.for_float("overnight_cost_usd")

_KINDS = {
    STATUS.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    MODEL.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    PROVIDER.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    PROJECT.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    COST.name: IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
}


async def register(client: Client) -> None:
    """Make sure the attributes are known to the client's namespace; a workflow that sets others is stuck."""
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=_KINDS)
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise


def at_start(*, project: str, status: str) -> TypedSearchAttributes:
    """Return the attributes a batch's workflow is started with."""
    return TypedSearchAttributes([SearchAttributePair(PROJECT, project), SearchAttributePair(STATUS, status)])
