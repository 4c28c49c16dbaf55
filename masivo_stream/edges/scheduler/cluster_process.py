"""A cluster on this machine: a process that holds a scheduler and starts worker processes, until its input ends.

It prints where the scheduler is and the key that its connections need, as one line of JSON. It listens on the loopback
interface only, with TLS: other users of the machine can reach the ports, but cannot connect. If the parent dies, the
input ends; if this process is killed, its workers end as well (`distributed.process` watches their parent).
"""

import asyncio
import logging
import sys
from contextlib import suppress

import msgspec

from masivo_stream.model.tasks import ClusterAccess, NotStarted


def serve(workers: int) -> None:
    """Hold a cluster with `workers` workers of one thread until the input ends."""
    try:
        asyncio.run(_serve(workers))
    except Exception as error:  # noqa: BLE001 - no record was read yet: whatever it is, the parent reports it
        _print(NotStarted(f"{type(error).__name__}: {error}"))


async def _serve(workers: int) -> None:
    import dask  # noqa: PLC0415 - the extra is needed here only

    dask.config.set({"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []})
    from distributed import LocalCluster  # noqa: PLC0415 - the same
    from distributed.security import Security  # noqa: PLC0415 - the same

    security = Security.temporary()
    async with LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        host="127.0.0.1",
        protocol="tls",
        security=security,
        dashboard_address=None,
        silence_logs=logging.CRITICAL,
        asynchronous=True,
    ) as cluster:
        access = ClusterAccess(
            cluster.scheduler_address, security.tls_ca_file, security.tls_client_cert, security.tls_client_key
        )
        _print(access)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


def _print(found: ClusterAccess | NotStarted) -> None:
    with suppress(OSError):
        sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
        sys.stdout.flush()
