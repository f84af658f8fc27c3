#!/usr/bin/env python3
"""Rules and boards (deploy/monitoring) in a real Prometheus that scrapes the real agent and the real
controller.

usage: test_monitoring.py BUILD
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
try:
    import grpc  # noqa: F401  pylint: disable=unused-import
except ImportError:  # Debian's Python has Debian's packages
    if sys.executable != "/usr/bin/python3" and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])

sys.path[:0] = [HERE, os.path.dirname(HERE)]
import tap  # noqa: E402
import times  # noqa: E402
from world import wait  # noqa: E402

SOURCE = os.path.dirname(os.path.dirname(HERE))
FOLDER = os.path.join(SOURCE, "deploy", "monitoring")
RULES = os.path.join(FOLDER, "rules.yaml")
LIMIT_S = 240  # until an alert has fired, or stopped


def promtool(*words):
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=240,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def alert_names():
    return re.findall(r"^  - alert: (\w+)$", read(RULES), re.MULTILINE)


def boards():
    folder = os.path.join(FOLDER, "boards")
    return {name: json.loads(read(os.path.join(folder, name)))
            for name in sorted(os.listdir(folder))}


# ---- without a world ----

def rules__promtool_accepts_them():
    assert "SUCCESS" in promtool("check", "rules", RULES)


def rules__each_alert_fires_after_its_time_and_stops():
    assert sorted(times.ALERTS) == sorted(alert_names())
    with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8") as file:
        file.write(times.write(RULES))
        file.flush()
        promtool("test", "rules", file.name)


def rules__an_alert_that_never_fires_would_be_seen():
    text = read(RULES).replace("gpuslice_webhook_believed) == 0", "gpuslice_webhook_believed) == 7")
    with tempfile.TemporaryDirectory() as folder:
        broken, tests = os.path.join(folder, "rules.yml"), os.path.join(folder, "tests.yml")
        for path, content in ((broken, text), (tests, times.write(broken))):
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
        done = subprocess.run(["promtool", "test", "rules", tests], capture_output=True, text=True,
                              timeout=240, check=False)
    assert done.returncode != 0 and "GpusliceWebhookNotBelieved" in done.stdout + done.stderr


def rules__each_alert_is_explained_to_users():
    page = read(os.path.join(SOURCE, "docs", "monitoring.md"))
    missing = [name for name in alert_names() if f"`{name}`" not in page]
    assert not missing, missing


def boards__are_what_their_tables_say():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, os.path.join(FOLDER, "boards.py"), folder], check=True,
                       timeout=240)
        for name in sorted(set(os.listdir(folder)) | set(boards())):
            assert read(os.path.join(folder, name)) == read(os.path.join(FOLDER, "boards", name)), \
                f"{name}: run deploy/monitoring/boards.py"


STATIC = [rules__promtool_accepts_them, rules__each_alert_fires_after_its_time_and_stops,
          rules__an_alert_that_never_fires_would_be_seen, rules__each_alert_is_explained_to_users,
          boards__are_what_their_tables_say]


# ---- in the world ----

def hasten(text, live):
    """The rules with what takes minutes taking seconds."""
    text = re.sub(r"\bfor: \d+[mh]", "for: 0s", text)
    text = text.replace("[30m]", "[15s]")
    for long, short in live.SHORTER.items():
        assert long in text, long
        text = text.replace(long, short)
    return text


class Live:
    def __init__(self, world, live):
        self.world, self.live, self.started = world, live, False

    def start(self):
        world = self.world
        world.start_api()
        world.start_node()
        world.must_apply("all-1g.10gb")
        self.live.slicepool(world)
        world.start_controller()
        world.start_prometheus(world.write("rules.yml", hasten(read(RULES), self.live)))
        wait("both were scraped a few times", lambda: self.world.query(
            "min(count_over_time(gpuslice_recuts_total[15s])) > 3 and min(up) == 1"))
        self.started = True

    def until(self, name, fires):
        wait(f"{name} {'fires' if fires else 'stops'}; firing: {self.world.firing()}",
             lambda: (name in self.world.firing()) == fires, LIMIT_S)

    def alert(self, name, begin, end):
        assert self.started, "the world did not start"
        try:
            begin(self.world)
            self.until(name, True)
            if name == self.live.PANELS_AT:
                self.panels()
                self.records()
        finally:
            end(self.world)
        self.until(name, False)

    def panels(self):
        """Each query of each panel gives data; as Grafana fills in its variables."""
        fill = {"$__rate_interval": "15s", "$__range": "5m"}
        empty = []
        for name, board in boards().items():
            for panel in board["panels"]:
                for target in panel["targets"]:
                    query = target["expr"]
                    for variable, value in fill.items():
                        query = query.replace(variable, value)
                    query = re.sub(r"\$\w+", ".*", query)
                    if not self.has_data(query):
                        empty.append(f"{name}, {panel['title']}: {query}")
            for variable in board["templating"]["list"]:
                label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"])
                if label and not self.has_data(
                        f"count by ({label[2]}) ({label[1]})".replace("$cluster", ".*")):
                    empty.append(f"{name}, variable {variable['name']}")
        assert not empty, "\n".join(empty)

    def has_data(self, query, limit_s=120):
        end = time.monotonic() + limit_s
        while True:
            found = [value for _, value in self.world.query(query) if value == value]
            if found or time.monotonic() > end:
                return bool(found)
            time.sleep(0.5)

    def records(self):
        """Each recording rule has a value, and no rule of any kind failed."""
        for rule in self.evaluated():
            assert rule["health"] == "ok", rule
            if rule["type"] == "recording":
                assert self.has_data(rule["name"]), rule["name"]

    def evaluated(self, limit_s=120):
        """All rules, once none is left that was not evaluated yet."""
        end = time.monotonic() + limit_s
        while True:
            rules = [rule for group in self.world.ask("rules")["groups"] for rule in group["rules"]]
            if all(rule["health"] != "unknown" for rule in rules) or time.monotonic() > end:
                return rules
            time.sleep(0.5)

    def targets(self):
        def are_up():
            for one in self.world.ask("targets")["activeTargets"]:
                assert one["health"] == "up", one["lastError"]
            return True
        wait("all targets are up", are_up)


def live_cases(live, the):
    cases = [("the world starts, and is scraped", the.start)]
    for name, begin, end in live.ALERTS:
        more = ", and every panel and record has data" if name == live.PANELS_AT else ""
        cases.append((f"live__{name}_fires_and_stops{more}",
                      lambda name=name, begin=begin, end=end: the.alert(name, begin, end)))
    cases.append(("live__all_are_scraped_without_errors", the.targets))
    return cases


def live__each_alert_is_tried(live):
    assert sorted([name for name, *_ in live.ALERTS] + list(live.NOT_LIVE)) == sorted(alert_names())


def main():
    cases = [(case.__name__, case) for case in STATIC]
    try:
        subprocess.run(["prometheus", "--version"], capture_output=True, check=True)
        import grpc  # noqa: F401,F811  pylint: disable=W,C
        import live  # pylint: disable=import-outside-toplevel
        import world  # pylint: disable=import-outside-toplevel
    except (FileNotFoundError, ImportError) as error:
        print(f"1..0 # SKIP {error}: scripts/deps.sh monitoring")
        return
    here = world.World(os.path.abspath(sys.argv[1]))
    cases += [("live__each_alert_is_tried", lambda: live__each_alert_is_tried(live))]
    cases += live_cases(live, Live(here, live))
    try:
        tap.run(cases)
    finally:
        if os.environ.get("GPUSLICE_KEEP_LOGS"):
            for name in here.commands:
                print("".join(f"# {name}: {line}\n" for line in
                              here.said(name, "err").splitlines()[-40:]))
        here.close()


if __name__ == "__main__":
    main()
