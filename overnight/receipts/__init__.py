"""Receipts: what every line of a batch came to, charged line by line, read again, and added up again."""

from overnight.receipts.charging import ChargeTask, charge_shard
from overnight.receipts.lines import read_receipt
from overnight.receipts.verifying import Claimed, verify

__all__ = ["ChargeTask", "Claimed", "charge_shard", "read_receipt", "verify"]
