"""Answers that are at most a second old, from those who may never give one."""

import time
from threading import Event

import pytest

from entrepot.monitoring import recent
from entrepot.monitoring.recent import Recent


def test_who_asks_twice_within_a_second_asks_once() -> None:
    answers = iter(range(10))
    latest = Recent(lambda: next(answers))
    assert [latest.get() for _ in range(100)] == [0] * 100
    assert latest.holds()


def test_an_answer_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "FRESH", 0.0)
    answers = iter(range(10))
    latest = Recent(lambda: next(answers))
    assert [latest.get() for _ in range(3)] == [0, 1, 2]


def test_who_fails_is_asked_again_and_the_log_tells_it_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recent, "FRESH", 0.0)

    def ask() -> None:
        raise OSError("not there")

    latest = Recent(ask)
    for _ in range(3):
        with pytest.raises(OSError, match="not there"):
            latest.get()
        assert not latest.holds()
    assert caplog.messages == ["a check fails: OSError: not there"]


def test_nobody_waits_for_long_for_one_who_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "PATIENCE", 0.1)
    hanging, asked = Event(), []

    def ask() -> bool:
        asked.append(1)
        return hanging.wait(20)

    latest = Recent(ask)
    begun = time.monotonic()
    for _ in range(100):
        with pytest.raises(TimeoutError):
            latest.get()
    assert time.monotonic() - begun < 5
    assert len(asked) == 1
    monkeypatch.setattr(recent, "GIVE_UP", 0.0)
    latest.begin()
    hanging.set()
    assert latest.get() is True
    assert len(asked) > 1
