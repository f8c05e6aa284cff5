"""What a line becomes when the endpoint answers, well or badly."""

import json
from datetime import timedelta
from typing import Any

import pytest
from conftest import BATCH, Workbench, body, raw

