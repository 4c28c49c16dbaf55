"""Find customers that the account does not know: if a record was refused alone, its customer is read back.

Each record of an unknown customer makes the API refuse a whole batch, and isolating it takes about ten requests. So all
other records of that customer are held back, until the refused one is tried again or the customer is migrated. Only the
API's own 404 is evidence: not the web page of a gateway, and not a 404 to an id that a gateway may take for another
path.
"""

from masivo_stream.core.sending.answer_body import is_foreign
from masivo_stream.core.sending.path_ids import is_plain
from masivo_stream.model.attempt import Answer
from masivo_stream.model.errors import DeniedError
from masivo_stream.model.ports import CustomerReader
from masivo_stream.model.results import Entry

MOST_ASKED = 100
"""Customers that a process reads back at most: a tenth of a development account's requests a day."""

_NOT_FOUND = 404


class UnknownCustomers:
    """Reads customers of refused records back, up to a limit."""

    def __init__(self, reader: CustomerReader, most: int = MOST_ASKED) -> None:
        """Read through `reader`, at most `most` customers."""
        self._reader, self._left = reader, most

    async def lacks(self, entry: Entry) -> bool:
        """Return whether the API answers that the account does not have the customer of an entry."""
        customer = entry.customer
        if not self._left or not is_plain(customer):
            return False
        self._left -= 1
        try:
            read = await self._reader.read_customer(customer)
        except DeniedError:  # a key that may migrate is not always allowed to read
            self._left = 0
            return False
        answer = read.attempt
        return isinstance(answer, Answer) and answer.status == _NOT_FOUND and not is_foreign(answer)
