"""What is counted of lines, by deployment."""

from overnight.domain.deployment import Deployment
from overnight.line_lane.meter import LineMeter
from overnight.telemetry.metrics import REGISTRY


def paused() -> float | None:
    labels = {"provider": "hosted_vllm", "model": "counted here"}
    return REGISTRY.get_sample_value("overnight_deployment_paused", labels)


def meter(number: int) -> LineMeter:
    return LineMeter(
        Deployment(
            id=f"dep_{number}",
            model_name="counted here",
            provider="hosted_vllm",
            model="m",
            api_base=f"http://gpu-{number}:8000/v1",
        )
    )


def test_of_two_deployments_of_a_model_the_one_that_is_down_is_not_hidden_by_the_other() -> None:
    down, up = meter(1), meter(2)
    assert paused() == 0
    for _ in range(2):
        down.paused(now=True)
        up.paused(now=False)
        assert paused() == 1
    up.paused(now=True)
    assert paused() == 2
    down.paused(now=False)
    up.paused(now=False)
    assert paused() == 0
