import pytest

from apierrors import ApiError, Invalid, NotFound, answer


def failing(error):
    raise error


def test_message():
    assert str(ApiError("no")) == "no"


def test_default_status():
    assert ApiError("no").status == 500


def test_details():
    assert ApiError("no", 400, hint="yes").to_json() == {"error": "no", "status": 400, "details": {"hint": "yes"}}


def test_invalid():
    assert str(Invalid("age", "is negative")) == "age is negative"
    assert Invalid("age", "is negative").status == 422


def test_not_found_has_a_message():
    assert str(NotFound("user", 7)) == "there is no user 7"


def test_not_found_as_json():
    assert NotFound("user", 7).to_json() == {
        "error": "there is no user 7",
        "status": 404,
        "details": {"kind": "user"},
    }


def test_not_found_knows_its_kind():
    assert NotFound("user", 7).kind == "user"


def test_not_found_is_an_api_error():
    with pytest.raises(ApiError):
        raise NotFound("user", 7)


def test_answer():
    assert answer(len, "four") == (200, 4)


def test_answer_to_something_unforeseen():
    status, body = answer(int, "x")
    assert status == 500
    assert body["error"] == "something went wrong"


def test_answer_to_what_is_invalid():
    assert answer(failing, Invalid("age", "is negative"))[0] == 422


def test_answer_to_what_is_not_there():
    assert answer(failing, NotFound("user", 7))[0] == 404
