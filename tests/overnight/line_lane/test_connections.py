"""What a deployment's connections say about us."""

from overnight.domain.deployment import Deployment
from overnight.line_lane.connections import open_connector, open_session
from overnight.line_lane.patience import Patience


async def test_openai_is_told_the_organization_and_the_project() -> None:
    deployment = Deployment(
        id="dep_1",
        model_name="m",
        provider="openai",
        model="m",
        api_base="https://api.openai.com/v1",
        organization="org-1",
        project="proj_1",
    )

    async with open_connector() as connector, open_session(connector, deployment, Patience()) as session:
        assert session.headers["OpenAI-Organization"] == "org-1"
        assert session.headers["OpenAI-Project"] == "proj_1"
