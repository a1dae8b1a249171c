"""Every open page hears of every change, in order, and a slow one holds nobody up."""

import asyncio

import pytest

from studio.hub import MAX_FOLLOWERS, Event, Hub


class Source:
    """A database of runs that are only numbers, with a count of readings."""

    def __init__(self):
        self.rev, self.runs, self.reads = 0, {}, 0
        self.failures, self.most = 0, 100

    def write(self, run_id):
        self.rev += 1
        self.runs[run_id] = FakeRun(run_id, self.rev)

    def version(self):
        return self.rev

    def close(self):
        self.closed = True

    def read(self, after):
        self.reads += 1
        if self.failures:
            self.failures -= 1
            raise OSError("no reading today")
        changed = sorted(
            (run for run in self.runs.values() if run.rev > after), key=lambda r: r.rev
        )
        some = changed[: self.most]
        rev = some[-1].rev if len(changed) > self.most else self.rev
        return Event(rev=rev, runs=some[::-1], cells=[], notebooks=None, status=None)


class FakeRun:
    def __init__(self, run_id, rev):
        self.id, self.rev = run_id, rev


@pytest.fixture
def source():
    return Source()


def follow(source, steps):
    """Run a test's steps against a hub on a loop of its own."""

    async def run():
        hub = Hub(source, lambda: source.rev, source.read, poll_s=0.001, ping_s=0.05)
        async with asyncio.timeout(60):
            await steps(hub)

    asyncio.run(run())


async def next_change(events):
    """The next event that is no ping."""
    async for event in events:
        if event is not None:
            return event
    raise AssertionError("the stream ended")


def test_a_page_hears_of_changes_since_the_revision_it_knows(source):
    for run in ("a", "b", "c"):
        source.write(run)

    async def steps(hub):
        events = hub.follow(1)
        snapshot = await next_change(events)
        assert [run.id for run in snapshot.runs] == ["c", "b"]
        source.write("d")
        assert [run.id for run in (await next_change(events)).runs] == ["d"]
        await events.aclose()

    follow(source, steps)


def test_a_page_without_a_revision_starts_with_what_is_now(source):
    source.write("old")

    async def steps(hub):
        events = hub.follow()
        assert (await next_change(events)).runs == []
        source.write("new")
        assert [run.id for run in (await next_change(events)).runs] == ["new"]
        await events.aclose()

    follow(source, steps)


def test_a_slow_page_gets_the_newest_of_each_run_in_one_event(source):
    async def steps(hub):
        slow, fast = hub.follow(), hub.follow()
        await next_change(slow)
        await next_change(fast)
        for run in ("a", "b", "a", "a"):
            source.write(run)
            event = await next_change(fast)
            assert event.rev == source.rev
        event = await next_change(slow)
        assert sorted((run.id, run.rev) for run in event.runs) == [("a", 4), ("b", 2)]
        await slow.aclose()
        await fast.aclose()

    follow(source, steps)


def test_many_pages_cost_one_reading_each_change(source):
    async def steps(hub):
        pages = [hub.follow() for _ in range(20)]
        for page in pages:
            await next_change(page)
        source.reads = 0
        source.write("a")
        for page in pages:
            assert (await next_change(page)).rev == 1
        assert source.reads == 1
        for page in pages:
            await page.aclose()

    follow(source, steps)


def test_a_quiet_stream_pings(source):
    async def steps(hub):
        events = hub.follow()
        await next_change(events)
        assert await anext(events) is None
        await events.aclose()

    follow(source, steps)


def test_the_reader_ends_with_the_last_page_and_starts_again(source):
    async def steps(hub):
        for run in ("a", "b"):
            events = hub.follow()
            await next_change(events)
            source.write(run)
            assert (await next_change(events)).runs[0].id == run
            await events.aclose()
            await hub._reader

    follow(source, steps)


def test_a_reading_that_fails_is_tried_again_and_loses_nothing(source, monkeypatch):
    monkeypatch.setattr("studio.hub.AGAIN_S", 0.001)

    async def steps(hub):
        events = hub.follow()
        await next_change(events)
        reader, source.failures = hub._reader, 3
        source.write("a")
        assert [run.id for run in (await next_change(events)).runs] == ["a"]
        assert source.failures == 0
        assert hub._reader is reader
        await events.aclose()

    follow(source, steps)


def test_a_page_that_was_away_for_long_hears_of_everything_in_several_events(source):
    source.most = 3
    for number in range(10):
        source.write(f"run {number}")

    async def steps(hub):
        heard, events = [], hub.follow(0)
        while len(heard) < 10:
            heard += reversed([run.id for run in (await next_change(events)).runs])
        assert heard == [f"run {number}" for number in range(10)]
        source.write("new")
        assert [run.id for run in (await next_change(events)).runs] == ["new"]
        await events.aclose()

    follow(source, steps)


def test_more_changes_at_once_than_one_reading_holds_are_all_told(source):
    source.most = 3

    async def steps(hub):
        heard, events = set(), hub.follow()
        await next_change(events)
        source.rev += 10
        for number in range(10):
            source.runs[number] = FakeRun(number, source.rev - number)
        while len(heard) < 10:
            heard |= {run.id for run in (await next_change(events)).runs}
        await events.aclose()

    follow(source, steps)


def test_streams_are_limited(source):
    async def steps(hub):
        pages = [hub.follow() for _ in range(MAX_FOLLOWERS)]
        for page in pages:
            assert not hub.is_full
            await next_change(page)
        assert hub.is_full
        for page in pages:
            await page.aclose()
        assert not hub.is_full

    follow(source, steps)


def test_closing_ends_every_stream_at_once(source):
    async def steps():
        hub = Hub(source, lambda: source.rev, source.read, poll_s=0.001, ping_s=3600)
        pages = [hub.follow() for _ in range(3)]
        for page in pages:
            await next_change(page)
        waiting = [asyncio.create_task(anext(page, "ended")) for page in pages]
        await asyncio.sleep(0.01)
        await asyncio.to_thread(hub.close)
        async with asyncio.timeout(60):
            assert set(await asyncio.gather(*waiting)) <= {None, "ended"}
            for page in pages:
                assert [event async for event in page] == []

    asyncio.run(steps())


def test_a_studio_s_hub_tells_of_a_new_run(studio, submit):
    async def steps():
        events = studio.hub.follow()
        assert (await next_change(events)).runs == []
        run = await asyncio.to_thread(submit)
        event = await next_change(events)
        assert event.runs == [run]
        assert event.runs[0].state == "queued"
        assert event.status.queued == 1
        await events.aclose()

    asyncio.run(steps())
