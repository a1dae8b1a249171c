"""Every error a person may see. `str(error)` is a sentence the page shows as it is.

SanaWMError
  InvalidRequestError      the person can fix it: change an input
  ModelFilesMissingError   the operator can fix it: a model folder or file is not there, or broken
  NotEnoughMemoryError     the person can fix it: fewer frames or a smaller picture
  DiskFullError            the person can fix it: free some space
"""


class SanaWMError(Exception):
    """Root of them all: catch this, never Exception, at the edge of the page."""


class InvalidRequestError(SanaWMError):
    """The request cannot be run as it stands; `field` names the input it belongs to.

    Fields: image, prompt, camera, length, seed, steps, guidance, model, or "" for the whole form.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field

    def __reduce__(self) -> tuple[type["InvalidRequestError"], tuple[str, str]]:
        """Keep the field when the error crosses from the worker process."""
        return type(self), (str(self), self.field)


class ModelFilesMissingError(SanaWMError):
    """A file of the model is absent or is not the one expected."""


class NotEnoughMemoryError(SanaWMError):
    """The device has not the memory for this request."""


class DiskFullError(SanaWMError):
    """There is no room left where a file was being written."""
