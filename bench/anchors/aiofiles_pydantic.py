"""The same script as tutorials show it: aiofiles line by line, pydantic models, `model_dump`, `json=`.

The records are serialized again from the models, which costs as much as parsing. Whether an absent or null field
reaches the API as in the export depends on `exclude_unset`.
"""

import argparse
import asyncio
from typing import Any

import aiofiles
import aiohttp
from aiohttp_pydantic import IN_FLIGHT, MAX_EVENTS, EventsRecord
from pydantic import ValidationError


async def post(session: aiohttp.ClientSession, slots: asyncio.Semaphore, url: str, batch: list[dict[str, Any]]) -> None:
    async with slots, session.post(url, json={"customers": batch}) as answer:
        answer.raise_for_status()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--url", required=True)
    flags = parser.parse_args()
    slots = asyncio.Semaphore(IN_FLIGHT)
    batch: list[dict[str, Any]] = []
    events = 0
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        async with aiofiles.open(flags.file, encoding="utf-8") as lines:
            async for line in lines:
                try:
                    record = EventsRecord.model_validate_json(line)
                except ValidationError as error:
                    print(error)
                    continue
                if batch and events + len(record.events) > MAX_EVENTS:
                    group.create_task(post(session, slots, flags.url, batch))
                    batch, events = [], 0
                batch.append(record.model_dump(mode="json", exclude_unset=True))
                events += len(record.events)
        if batch:
            group.create_task(post(session, slots, flags.url, batch))


if __name__ == "__main__":
    asyncio.run(main())
