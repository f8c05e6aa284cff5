"""JSONL of any size in constant memory: checked, cut into chunks, read line by line."""

from overnight.jsonl.inspector import Inspection, Inspector
from overnight.jsonl.numbering import line_numbers
from overnight.jsonl.plan import decode_plan, encode_plan
from overnight.jsonl.problems import encode_problem, read_problems
from overnight.jsonl.requests import Request, line_with_model, read_requests, with_model
from overnight.jsonl.upload_check import UploadCheck

__all__ = [
    "Inspection",
    "Inspector",
    "Request",
    "UploadCheck",
    "decode_plan",
    "encode_plan",
    "encode_problem",
    "line_numbers",
    "line_with_model",
    "read_problems",
    "read_requests",
    "with_model",
]
