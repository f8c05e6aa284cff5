"""The lines of the output file and the error file."""

import json

from overnight.outcomes.result_line import answer_line, error_line


def test_result_lines_are_json_whatever_the_custom_id() -> None:
    odd = 'a "quoted"\n\\ id \u2028 é'
    line = json.loads(answer_line("batch_1", 3, custom_id=odd, status=200, request_id=None, body=b'{"x":1}'))
    assert line["custom_id"] == odd
    assert line["id"] == "batch_req_100000003"
    assert line["response"] == {"status_code": 200, "request_id": "req_100000003", "body": {"x": 1}}
    failed = json.loads(error_line("batch_1", 3, custom_id=odd, code="batch_expired", message="Late."))
    assert failed == {
        "id": "batch_req_100000003",
        "custom_id": odd,
        "response": None,
        "error": {"code": "batch_expired", "message": "Late."},
    }
