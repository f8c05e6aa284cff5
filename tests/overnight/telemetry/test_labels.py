"""Labels are few, whatever comes from outside."""

import pytest

from overnight.domain.errors import (
    JobNotFound,
    NoPlace,
    NotReadyYet,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    SubmissionUnclear,
)
from overnight.telemetry.labels import OTHER, UNKNOWN, ModelLabels, error_kind


def test_models_have_labels_of_their_own_until_there_are_too_many() -> None:
    label = ModelLabels(most=2)
    assert [label("a"), label("b"), label("c"), label("a")] == ["a", "b", OTHER, "a"]


def test_no_model_is_a_label_too_and_a_long_one_is_cut() -> None:
    label = ModelLabels()
    assert label(None) == UNKNOWN
    assert len(label("m" * 10_000)) == 100


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (SubmissionUnclear(), "unclear"),
        (NotReadyYet(), "not_ready"),
        (NoPlace(status=429), "no_place"),
        (JobNotFound(), "not_found"),
        (ProviderRefused(status=401), "key_refused"),
        (ProviderUnavailable(status=403), "key_refused"),
        (ProviderRefused(status=400), "refused"),
        (ProviderUnavailable(), "unreachable"),
        (ProviderUnavailable(status=429), "rate_limited"),
        (ProviderUnavailable(status=503), "unavailable"),
    ],
)
def test_what_a_provider_did_not_do_is_of_one_kind(error: ProviderError, kind: str) -> None:
    assert error_kind(error) == kind
