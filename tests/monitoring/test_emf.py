#!/usr/bin/env python3
"""What agent and controller write for CloudWatch, judged by AWS's own library, and the template by
AWS's own linter.

usage: test_emf.py BUILD

Of each line the library is given what the line says: namespace, dimensions, members, metrics. What
it then writes has to be the same JSON. It checks names, units and values itself.
"""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
try:
    import grpc  # noqa: F401  pylint: disable=unused-import
except ImportError:  # Debian's Python has Debian's packages
    if sys.executable != "/usr/bin/python3" and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])

TESTS = os.path.dirname(HERE)
sys.path[:0] = [HERE, TESTS, os.path.join(TESTS, "judges")]
import tap  # noqa: E402
import tools  # noqa: E402

SOURCE = os.path.dirname(TESTS)
TEMPLATE = os.path.join(SOURCE, "deploy", "monitoring", "cloudwatch", "gpuslice.yaml")
PACKAGES = {"aws-embedded-metrics": "3.5.0", "cfn-lint": "1.58.0"}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def package(name):
    """Its folder, on Python's path from now on."""
    def make(folder):
        tools.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-input",
                   "--disable-pip-version-check", "--no-compile", "--timeout", "15",
                   "--retries", "1", "--target", folder, f"{name}=={PACKAGES[name]}"])
    python = f"py{sys.version_info[0]}.{sys.version_info[1]}"
    folder = tools.made(f"{name}-{PACKAGES[name]}-{python}", make)
    sys.path.append(folder)
    return folder


def context_of(line):
    """What AWS's library would be told to say the same."""
    from aws_embedded_metrics.logger.metrics_context import MetricsContext
    [directive] = line["_aws"]["CloudWatchMetrics"]
    context = MetricsContext.empty()
    context.namespace = directive["Namespace"]
    context.meta["Timestamp"] = line["_aws"]["Timestamp"]
    context.should_use_default_dimensions = False
    dimensions = set()
    for names in directive["Dimensions"]:
        context.put_dimensions({name: line[name] for name in names})
        dimensions.update(names)
    metrics = {one["Name"]: one for one in directive["Metrics"]}
    for name, one in metrics.items():
        context.put_metric(name, line[name], one["Unit"])
    for name, value in line.items():
        if name != "_aws" and name not in dimensions and name not in metrics:
            context.set_property(name, value)
    return context


def library_says(line):
    from aws_embedded_metrics.serializers.log_serializer import LogSerializer
    from aws_embedded_metrics.validator import validate_namespace
    validate_namespace(line["_aws"]["CloudWatchMetrics"][0]["Namespace"])
    [text] = LogSerializer.serialize(context_of(line))
    return json.loads(text)


def ordered(line):
    """Names of metrics and their units in one order; sets of dimensions keep theirs."""
    for directive in line["_aws"]["CloudWatchMetrics"]:
        directive["Metrics"].sort(key=lambda one: one["Name"])
    return line


def lines_of(world, name):
    return [json.loads(text) for text in world.said(name).splitlines()]


def make_cases(world):
    from world import wait
    found = {}

    def start():
        import live
        world.start_api()
        world.start_node()
        world.must_apply("all-1g.10gb")
        live.hold(world, "team-a", [(0, 0), (1, 3)])
        live.slicepool(world)
        world.start_controller()
        live.pod(world, "waits", "nvidia.com/mig-7g.80gb", count=3)
        wait("the agent told of slices in use", lambda: any(
            one.get("SlicesUsed") == 2 and "RecutsDone" in one
            for one in lines_of(world, "agent")))
        wait("the agent told how busy slices are", lambda: {"EngineActive", "SliceEngineActive"} <=
             {name for one in lines_of(world, "agent") for name in one})
        wait("the controller told of a pod that waits", lambda: any(
            one.get("PodsWaiting") == 1 for one in lines_of(world, "controller")))
        found.update({name: lines_of(world, name) for name in ("agent", "controller")})

    def emf__aws_library_writes_the_same():
        assert len(found["agent"]) >= 17 and len(found["controller"]) >= 2
        for lines in found.values():
            for line in lines:
                assert ordered(library_says(line)) == ordered(line), line

    def emf__a_line_that_is_changed_is_seen():
        line = found["agent"][0]
        broken = json.loads(json.dumps(line))
        broken["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"] = "Slices"
        try:
            library_says(broken)
        except Exception as error:  # pylint: disable=broad-except
            assert "unit" in str(error).lower(), error
            return
        raise AssertionError("a unit that there is not was taken")

    def emf__no_dimension_is_a_uuid_and_all_are_bounded():
        seen = set()
        for lines in found.values():
            for line in lines:
                for names in line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]:
                    assert not any(UUID.search(line[name]) for name in names), line
                    seen.add((tuple(names), tuple(line[name] for name in names)))
        # one node, two GPUs of seven slices, one profile, one pool:
        # cluster, node, profile twice, 14 slices, the SlicePool
        assert len(seen) == 1 + 1 + 2 + 14 + 1, sorted(seen)
        slices = [line for line in found["agent"] if "MigUuid" in line]
        assert all(UUID.search(line["MigUuid"]) for line in slices) and slices

    def emf__a_reader_that_is_stuck_holds_nobody_up():
        """The agent's page answers though nobody reads a pipe that is full."""
        import fcntl
        world.stop("agent")
        read, write = os.pipe()
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
        world.again("agent", out=write)
        os.close(write)
        wait("lines were dropped", lambda: "nobody reads stdout" in world.said("agent", "err"))
        wait("it answers", lambda: world.page("agent", "/healthz") == "ok\n")
        os.close(read)
        wait("it goes on when there is no reader at all", lambda: world.page(
            "agent", "/healthz") == "ok\n" and world.processes["agent"].poll() is None)

    cases = [emf__aws_library_writes_the_same, emf__a_line_that_is_changed_is_seen,
             emf__no_dimension_is_a_uuid_and_all_are_bounded,
             emf__a_reader_that_is_stuck_holds_nobody_up]
    return [("the world starts", start)] + [(case.__name__, case) for case in cases]


def template__cfn_lint_accepts_it(folder):
    done = subprocess.run([sys.executable, os.path.join(folder, "bin", "cfn-lint"), TEMPLATE], capture_output=True,
                          text=True, timeout=400, check=False,
                          env=dict(os.environ, PYTHONPATH=folder))
    assert done.returncode == 0, done.stdout + done.stderr


def template__asks_for_metrics_that_are_written(world):
    with open(TEMPLATE, encoding="utf-8") as file:
        text = file.read()
    asked = set(re.findall(r"MetricName: (\w+)", text))
    asked |= set(re.findall(r'\["(?:\$\{Namespace\}|\.)", "(\w+)"', text))
    written = {one["Name"] for name in ("agent", "controller") for line in lines_of(world, name)
               for one in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert asked and asked <= written, asked - written


def main():
    try:
        import kubelet  # noqa: F401  pylint: disable=unused-import
        import world
        package("aws-embedded-metrics")
        linter = package("cfn-lint")
    except (tools.Skip, ImportError) as error:
        print(f"1..0 # SKIP {error}")
        return
    here = world.World(os.path.abspath(sys.argv[1]))
    cases = make_cases(here)
    cases.insert(-1, ("template__asks_for_metrics_that_are_written",
                      lambda: template__asks_for_metrics_that_are_written(here)))
    cases.append(("template__cfn_lint_accepts_it",
                  lambda: template__cfn_lint_accepts_it(linter)))
    try:
        tap.run(cases)
    finally:
        here.close()


if __name__ == "__main__":
    main()
