"""The simplest script: requests, json, one request after the other, no schema."""

import argparse
import json

import requests

MAX_EVENTS = 1000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--url", required=True)
    flags = parser.parse_args()
    batch: list[dict] = []
    events = 0
    with requests.Session() as session, open(flags.file, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if batch and events + len(record["events"]) > MAX_EVENTS:
                session.post(flags.url, json={"customers": batch}).raise_for_status()
                batch, events = [], 0
            batch.append(record)
            events += len(record["events"])
        if batch:
            session.post(flags.url, json={"customers": batch}).raise_for_status()


main()
