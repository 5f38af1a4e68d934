"""Any order of publishing, rolling out, pausing and withdrawing: what devices are offered keeps its promises."""

import itertools
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from nexy_updates.rollout import bucket
from nexy_updates.snapshot import Seen, load
from nexy_updates.versions import version_key

DEVICES = [f"device-{number}" for number in range(20)]
PERCENTS = st.sampled_from(["0", "1", "25", "50", "99.99", "100"])


class Store(RuleBasedStateMachine):
    """``model`` is what was asked for: version -> [channel, percent, yanked]."""

    world_type = None

    def __init__(self):
        super().__init__()
        self.tmp = Path(tempfile.mkdtemp())
        self.world = self.world_type(self.tmp)
        self.model = {}
        self.held = set()
        self.seen = Seen()
        self.numbers = itertools.count()

    def teardown(self):
        shutil.rmtree(self.tmp)

    def ask(self, *arguments):
        return self.world.run(*arguments).exit_code == 0

    @rule(channel=st.sampled_from(["stable", "beta"]), percent=PERCENTS)
    def publish(self, channel, percent):
        version = f"1.{next(self.numbers)}"
        file = self.world.artifact(version)
        if self.ask("publish", file, "--version", version, "--channel", channel, "--rollout", percent):
            self.model[version] = [channel, percent, False]

    @precondition(lambda self: self.model)
    @rule(data=st.data(), percent=PERCENTS)
    def rollout(self, data, percent):
        version = data.draw(st.sampled_from(sorted(self.model)))
        if self.ask("rollout", version, percent):
            self.model[version][1] = percent

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def yank(self, data):
        version = data.draw(st.sampled_from(sorted(self.model)))
        assert self.ask("yank", version) is not self.model[version][2]
        self.model[version][2] = True

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def pause(self, data):
        version = data.draw(st.sampled_from(sorted(self.model)))
        assert self.ask("pause", version)
        self.held.add(version)

    @rule()
    def resume(self):
        self.ask("resume")
        self.held.clear()

    @precondition(lambda self: self.model)
    @invariant()
    def offers_keep_their_promises(self):
        layout = self.world.layout
        snapshot = load(layout, [self.world.key.public], self.seen)
        assert snapshot.seq >= self.seen.seq
        self.seen = Seen(snapshot.seq, snapshot.digest)
        holds = layout.read_holds()
        assert holds == self.held
        for channel, device in itertools.product(("stable", "beta"), [*DEVICES, ""]):
            choice = snapshot.choose(channel, device, manual=False, holds=holds)
            assert choice.offer.version == self.expected(channel, device), (channel, device)
        newest = snapshot.choose("beta", "", manual=True, holds=holds).offer.version
        assert newest == max((v for v, (_, _, yanked) in self.model.items() if not yanked), key=version_key, default="")

    def expected(self, channel, device):
        """The newest the device is in, out of the releases that still have a feed: down to the third finished one."""
        visible = [v for v, (where, _, yanked) in self.model.items() if where in {channel, "stable"} and not yanked]
        finished = 0
        for version in sorted(visible, key=version_key, reverse=True):
            percent = float(self.model[version][1])
            inside = percent == 100 or (device and bucket(version, device) < percent * 100)
            if inside and version not in self.held:
                return version
            finished += percent == 100
            if finished == 3:
                break
        return ""


def test_any_order_of_operations(world):
    Store.world_type = type(world)
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    Store.TestCase.settings = settings(
        max_examples=8, stateful_step_count=12, deadline=None, suppress_health_check=checks
    )
    Store.TestCase("runTest").runTest()
