"""Customers unknown to the account: where an event was refused alone, its customer is asked for.

One who is not there refuses each further request, some ten to find the culprit in a batch. So what else belongs to that
customer is held back, until the event is tried again or the customer is migrated. Only the API's own 404 is evidence:
not a page of something that lies between us, and not for an id that such a thing may read as another path.
"""

from masivo_stream.core.sending.answered_by import is_foreign
from masivo_stream.core.sending.path_ids import is_plain
from masivo_stream.model.attempt import Answer
from masivo_stream.model.errors import DeniedError
from masivo_stream.model.ports import CustomerReader
from masivo_stream.model.results import Entry

MOST_ASKED = 100
"""Customers asked for by a process at most: a tenth of what a development account may ask in a day."""

_NOT_FOUND = 404


class UnknownCustomers:
    """Ask for customers, each once, and not for many."""

    def __init__(self, reader: CustomerReader, most: int = MOST_ASKED) -> None:
        """Ask by `reader`, for `most` customers at most."""
        self._reader, self._left = reader, most

    async def lacks(self, entry: Entry) -> bool:
        """Tell whether the account says that it has not got the customer of an entry."""
        customer = entry.customer
        if not self._left or not is_plain(customer):
            return False
        self._left -= 1
        try:
            read = await self._reader.read_customer(customer)
        except DeniedError:  # whoever may migrate need not be allowed to read
            self._left = 0
            return False
        answer = read.attempt
        return isinstance(answer, Answer) and answer.status == _NOT_FOUND and not is_foreign(answer)
