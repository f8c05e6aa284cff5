"""Sending webhooks: signed, and never to an address that is nobody's business."""
