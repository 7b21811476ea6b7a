"""Errors of a web service, and how they are told to its clients."""


class ApiError(Exception):
    def __init__(self, message, status=500, **details):
        super().__init__(message)
        self.message = message
        self.status = status
        self.details = details

    def to_json(self):
        return {"error": self.message, "status": self.status, "details": self.details}


class NotFound(ApiError):
    def __init__(self, kind, number):
        self.kind = kind


class Invalid(ApiError):
    def __init__(self, field, reason):
        super().__init__(f"{field} {reason}", 422, field=field)


def answer(function, *arguments):
    """(status, body) of a call."""
    try:
        return 200, function(*arguments)
    except ApiError as error:
        return error.status, error.to_json()
    except Exception:
        return 500, ApiError("something went wrong").to_json()
