"""What can go wrong while a model is fetched, in sentences that say what to type next."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from httpx2 import HTTPError
from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from sanawm.errors import DiskFullError, InvalidRequestError, ModelFilesMissingError, SanaWMError
from sanawm.files import NO_ROOM

REFUSED = (401, 403)
OFFLINE = "HF_HUB_OFFLINE is set, so nothing is fetched. Unset it (or TRANSFORMERS_OFFLINE), then: "


@contextmanager
def failures_as_sentences(repo: str, revision: str, command: str) -> Iterator[None]:
    """Turn what the hub, the network and the disk say into errors for people.

    `command` is what goes on from where it stopped.
    """
    try:
        yield
    except (HTTPError, OSError) as error:
        raise _for_people(error, repo, revision, command) from error


def _for_people(error: Exception, repo: str, revision: str, command: str) -> SanaWMError:
    host, page = urlsplit(constants.ENDPOINT).netloc, f"{constants.ENDPOINT}/{repo}"
    if isinstance(error, OfflineModeIsEnabled):
        return ModelFilesMissingError(OFFLINE + command)
    if isinstance(error, RevisionNotFoundError):
        return InvalidRequestError(
            f"{repo} has no revision {revision}. Those it has: {page}/commits/main. Without "
            "--revision the newest is fetched.",
            field="model",
        )
    if isinstance(error, GatedRepoError):
        return ModelFilesMissingError(
            f"{repo} is for those who accepted its terms on {page}. Accept them there, log in "
            f"here with `hf auth login`, then: {command}"
        )
    if isinstance(error, RepositoryNotFoundError):
        return ModelFilesMissingError(
            f"{page} is not there, or not for everybody. If its page opens for you, log in here "
            f"with `hf auth login`, then: {command}"
        )
    if isinstance(error, HfHubHTTPError):
        return ModelFilesMissingError(_refusal(error.response.status_code, host, command))
    if isinstance(error, (HTTPError, LocalEntryNotFoundError)):
        return ModelFilesMissingError(
            f"{host} cannot be reached. What is here stays. When there is a connection: {command}"
        )
    assert isinstance(error, OSError)
    return _of_the_disk(error, command)


def _refusal(status: int, host: str, command: str) -> str:
    if status in REFUSED:
        return (
            f"{host} did not let this computer in (answer {status}). Log in with "
            f"`hf auth login`, then: {command}"
        )
    return f"{host} is out of order (answer {status}). What is here stays. Later: {command}"


def _of_the_disk(error: OSError, command: str) -> SanaWMError:
    if error.errno in NO_ROOM:
        return DiskFullError(f"The disk is full. What is here stays. Make room, then: {command}")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
        return ModelFilesMissingError(
            f"{error.filename} cannot be written. Set HF_HOME to a folder of yours, then: {command}"
        )
    return ModelFilesMissingError(f"The download broke off: {error} Once more: {command}")
