"""How Vertex AI is called, and how it says no."""

from __future__ import annotations

from simulators.native.manner import Json
from simulators.native.refusals import Refusal, filled
from simulators.vertex.rules import VertexRules
from simulators.vertex.words import CODES, SAYINGS


class VertexManner:
    """Google's envelope, and the verbs of batch prediction."""

    name = "vertex"
    verbs = ("jobs.create", "jobs.list", "jobs.get", "jobs.cancel", "jobs.delete", "operations.get", "token")
    reasons = tuple(SAYINGS)
    deployment = (
        "model: vertex_ai/gemini-2.5-flash, vertex_project: simulated, vertex_location: us-central1, "
        "vertex_credentials: anonymous"
    )

    def rules(self) -> VertexRules:
        """Return how it behaves as long as nobody says otherwise."""
        return VertexRules()

    def refusal(self, refusal: Refusal) -> tuple[int, Json]:
        """Return a `google.rpc.Status` as Google's JSON has it."""
        said = SAYINGS[refusal.reason]
        status = refusal.status or said.status
        code = said.code if status == said.status else CODES.get(status, said.code)
        message = filled(said.message, refusal.details)
        return status, {"error": {"code": status, "message": message, "status": code}}
