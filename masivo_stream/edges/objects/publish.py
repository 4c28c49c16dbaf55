"""Copy files from disk to a folder in object storage."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from masivo_stream.core.reading.object_answers import ObjectFault, Patience, ReadRetries
from masivo_stream.core.reading.object_urls import ObjectUrl
from masivo_stream.edges.objects.object_file import Timing, in_thread
from masivo_stream.edges.objects.store import ObjectError, open_store
from masivo_stream.model.errors import StorageError

_OPERATION = "publish the results"
_HINTS = {
    ObjectFault.GONE: "create the bucket, or name another one",
    ObjectFault.DENIED: "allow these credentials to put objects there, or name another bucket",
}
"""What to do first if the same request will fail again."""


async def publish_files(
    folder: ObjectUrl, files: Iterable[Path], patience: Patience, timing: Timing | None = None
) -> int:
    """Copy files to a folder, each under its own name, and return how many; an object of that name is replaced.

    Raises:
        ConfigurationError: the extra `cloud` is not installed.
        StorageError: one cannot be written; those before it were.
    """
    count, timing = 0, timing or Timing()
    for file in files:
        url = folder.at(f"{folder.key}/{file.name}".lstrip("/"))
        retries = ReadRetries(patience.at_start)
        while True:
            try:
                await in_thread(partial(open_store(url).put, url.key, file))
                break
            except ObjectError as error:
                seconds = retries.failed(error.failure, timing.now(), timing.chance())
                why, hint = error.failure.why, _HINTS.get(error.failure.fault, "")
            except OSError as error:
                seconds, why, hint = None, error.strerror or "the file cannot be read", ""
            if seconds is None:
                raise StorageError(
                    f"it cannot be written: {why}",
                    operation=_OPERATION,
                    place=url.shown,
                    hint=hint,
                )
            await timing.sleep(seconds)
        count += 1
    return count
