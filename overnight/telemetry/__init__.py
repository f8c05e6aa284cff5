"""What an operator's tools are told: metrics and traces, in Prometheus's form and over OTLP.

Low in the house, so that whoever does something can count it. No label and no attribute ever holds a prompt,
an answer or a key; no label holds an id.
"""
