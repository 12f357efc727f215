"""The same work on several processes or machines, by dask; nothing of it is our own.

A task names an image file and a part of it. A worker opens the file itself and writes
to the cache folder or beside the masks, so that folder and files must be seen by all.
What a killed worker had not finished, dask gives to another.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medfm.core.errors import BadInput, MedfmError
from napari_medfm.core.jobs import Progress, Steps

if TYPE_CHECKING:
    from napari_medfm.session import Session


def add_options(parser: ArgumentParser) -> None:
    """Add the choice of where the work is done."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes on this machine (needs the extra [dask]; default: this one)",
    )
    where.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="a running dask scheduler, such as tcp://10.0.0.5:8786, whose workers see "
        "the same files and the same cache folder",
    )


@contextlib.contextmanager
def client_of(args: Namespace) -> Iterator[Any]:
    """Give a dask client as the options ask, or None for this process.

    Raises
    ------
    BadInput
        If dask is not installed, or the scheduler does not answer.
    """
    if args.workers is None and args.scheduler is None:
        yield None
        return
    if args.workers is not None and not 1 <= args.workers <= 256:
        raise BadInput(f"--workers is a number from 1 to 256, got {args.workers}")
    try:
        dask: Any = importlib.import_module("distributed")
    except ImportError:
        raise BadInput(
            "--workers and --scheduler need dask: pip install 'napari-medfm[dask]'"
        ) from None
    if args.scheduler is not None:
        try:
            client = dask.Client(args.scheduler, timeout=15, set_as_default=False)
        except (OSError, ValueError) as error:
            raise BadInput(
                f"No dask scheduler answers at {args.scheduler}: {error}"
            ) from error
        with client:
            yield client
        return
    threads = max(1, (os.cpu_count() or 1) // args.workers)
    with (
        dask.LocalCluster(
            n_workers=args.workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            env={"OMP_NUM_THREADS": str(threads)},
        ) as local,
        dask.Client(local, set_as_default=False) as client,
    ):
        yield client


@dataclass(frozen=True)
class Job:
    """What a worker needs to open an image as the command did; plain texts only."""

    path: str
    facts: str
    models: str
    options: str

    @classmethod
    def of(cls, args: Namespace, path: Path, facts: dict[str, Any]) -> Job:
        """Describe an image of a command."""
        from napari_medfm.engine.weights import cache_folder

        cache = cache_folder(getattr(args, "cache_dir", None))
        options = {
            "cache_dir": str(cache.absolute()),
            "device": args.device,
            "offline": args.offline,
        }
        kinds = ("encoder", "segmenter")
        models = {k: getattr(args, k) for k in kinds if hasattr(args, k)}
        return cls(
            str(path.absolute()),
            json.dumps(facts),
            json.dumps(models),
            json.dumps(options),
        )

    def session(self) -> Session:
        """Return this process's session with these models."""
        return _session(self.models, self.options)

    def image_facts(self) -> dict[str, Any]:
        """Return the arguments of `Session.add_image`."""
        facts: dict[str, Any] = json.loads(self.facts)
        return facts


Task = Callable[["Session", str, Any], Any]


def each(
    client: Any, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]
) -> Steps[list[Any]]:
    """Call a function with each of these arguments, wherever there is room.

    Returns
    -------
    list
        What each call returned, or the error that the user should see.

    Raises
    ------
    BadInput
        If workers died again and again at the same piece.
    """
    dask: Any = importlib.import_module("distributed")
    pending = [client.submit(function, *call, pure=False) for call in calls]
    found: list[Any] = [None] * len(pending)
    index = {future.key: number for number, future in enumerate(pending)}
    try:
        for done, future in enumerate(dask.as_completed(pending, loop=client.loop)):
            try:
                found[index[future.key]] = future.result()
            except MedfmError as error:
                found[index[future.key]] = error
            except dask.KilledWorker as error:
                raise BadInput(
                    "Workers died again and again at the same work, out of memory "
                    f"perhaps: use fewer --workers ({error})"
                ) from error
            yield Progress(done + 1, len(pending), "on the workers")
    finally:
        client.cancel(pending)
    return found


def on_worker(task: Task, job: Job, piece: Any) -> Any:
    """Run a task on a worker, which keeps the image open for the next."""
    session, name = _opened(job)
    return task(session, name, piece)


@functools.lru_cache(maxsize=2)
def _opened(job: Job) -> tuple[Session, str]:
    session = job.session()
    return session, session.add_image(Path(job.path), **job.image_facts())


@functools.lru_cache(maxsize=2)
def _session(models: str, options: str) -> Session:
    from napari_medfm.session import Session

    return Session(**json.loads(models), **json.loads(options))
