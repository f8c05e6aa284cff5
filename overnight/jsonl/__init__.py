"""JSONL of any size in constant memory: checked, cut into chunks, read line by line."""

from overnight.jsonl.inspector import Inspection, Inspector
from overnight.jsonl.problems import read_problems
from overnight.jsonl.requests import Request, read_requests, with_model
from overnight.jsonl.upload_check import UploadCheck

__all__ = [
    "Inspection",
    "Inspector",
    "Request",
    "UploadCheck",
    "read_problems",
    "read_requests",
    "with_model",
]
