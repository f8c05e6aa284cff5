"""OpenAI's list of models: the names that may stand in `body.model`."""

from fastapi import APIRouter

from api.gateway import TheGateway
from api.schemas import ModelList, ModelObject

router = APIRouter(prefix="/models", tags=["models"])


@router.get("")
async def list_models(gateway: TheGateway) -> ModelList:
    """List the models of the configuration."""
    return ModelList(data=[ModelObject(id=name) for name in gateway.settings.models])
