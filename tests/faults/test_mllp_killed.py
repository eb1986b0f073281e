"""The listener is killed while hundreds send: what it had acknowledged is in the store, once."""

import asyncio
import time
from pathlib import Path

import pytest

from careloom.services.access import local_operator
from careloom.services.audit import verify as verify_audit
from careloom.services.platform import Platform
from careloom.settings import Data, Settings
from careloom.store import bulk
from tests.mllp_kit import free_port, listening
from tests.mllp_senders import Sender, all_of, message


def committed(folder: Path) -> int:
    """How many messages are durable now, as another reader sees it."""
    settings = Settings(data=Data(directory=folder / "data"))
    with Platform(settings) as platform, platform.store("identified").connect() as connection:
        return int(bulk.fetch(connection, "SELECT count(*) FROM record")[0][0])


def killed_in_the_middle(folder: Path, *, senders: int, messages: int, patients: int) -> list[Sender]:
    """All answers of a feed whose listener was killed once a third of it was durable, and started again."""
    port = free_port()
    crowd = [
        Sender(port, [message(number, patients) for number in range(first, messages, senders)])
        for first in range(senders)
    ]

    async def feed() -> None:
        with listening(folder, port) as process:
            sending = asyncio.ensure_future(all_of(crowd, 3600))
            while await asyncio.to_thread(committed, folder) < messages // 3:
                await asyncio.sleep(0.05)
            process.kill()
            process.wait()
        before = {control for sender in crowd for control in sender.acknowledged}
        assert 0 < len(before) < messages
        assert before <= set(controls(folder))
        with listening(folder, port):
            await sending

    asyncio.run(feed())
    return crowd


def controls(folder: Path) -> list[str]:
    """The control ids of all landed messages, from their own bytes."""
    with Platform(Settings(data=Data(directory=folder / "data"))) as platform:
        store = platform.store("identified")
        with store.connect() as connection:
            names = [row[0] for row in bulk.fetch(connection, "SELECT record_id FROM record")]
        return [store.raw_record(name).raw.split(b"|", 10)[9].decode() for name in names]


def check_once(folder: Path, crowd: list[Sender], messages: int) -> None:
    acknowledged = [control for sender in crowd for control in sender.acknowledged]
    expected = sorted(f"C{number}" for number in range(messages))
    assert sorted(acknowledged) == expected
    assert sorted(controls(folder)) == expected
    with Platform(Settings(data=Data(directory=folder / "data"))) as platform:
        store = platform.store("identified")
        assert store.count()["Observation"] == messages
        assert store.open_feeds("mllp") == []
        assert verify_audit(platform, local_operator("tester"))["verified"]
        assert store.check(every=97).is_whole


def test_what_was_acknowledged_before_a_kill_is_in_the_store_once(tmp_path: Path) -> None:
    crowd = killed_in_the_middle(tmp_path, senders=20, messages=600, patients=50)
    check_once(tmp_path, crowd, 600)


@pytest.mark.long
def test_two_hundred_senders_and_a_hundred_thousand_messages_survive_a_kill(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()
    crowd = killed_in_the_middle(tmp_path, senders=200, messages=100_000, patients=5000)
    seconds = time.monotonic() - started
    check_once(tmp_path, crowd, 100_000)
    with capsys.disabled():
        print(
            f"\n100,000 messages of 200 senders, one kill among them: {seconds:.0f} s, {100_000 / seconds:.0f} a second"
        )
