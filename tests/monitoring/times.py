"""times: each alert with its own durations, by promtool: it is quiet, fires, and is quiet again."""
import json

GOOD_M, REST_M = 30, 60  # minutes before what is wrong, and after
AGENT = 'up{job="gpuslice-agent-metrics",instance="n1:9400"}'
CONTROLLER = 'up{job="gpuslice-controller-metrics",instance="c1:8080"}'
UNUSED = 'gpuslice_cluster_usd_per_hour{cluster="c",pool="p",part="%s"}'

# alert: (minutes until it fires, [(series, while it is good, while it is bad, after)])
ALERTS = {
    "GpusliceNodeStuck": (15, [('gpuslice_agent_trouble{instance="n1:9400",part="Driver"}',
                                "0", "1", "0")]),
    "GpusliceSliceLost": (2, [('gpuslice_slices{instance="n1:9400",profile="1g.5gb",state="sick"}',
                               "0", "2", "0")]),
    "GpusliceRecutFailing": (1, [('gpuslice_recuts_total{instance="n1:9400",result="failed"}',
                                  "0", "5", "5")]),
    "GpusliceAgentDown": (5, [(AGENT, "1", "0", "1")]),
    "GpusliceAgentSilent": (5, [('gpuslice_cluster_silent_agents{pool="p"}', "0", "1", "0")]),
    "GpusliceNoLeader": (2, [('gpuslice_controller_leads{instance="c1:8080"}', "1", "0", "1"),
                             ('gpuslice_controller_leads{instance="c2:8080"}', "0", "0", "0")]),
    "GpusliceControllerDown": (5, [(CONTROLLER, "1", "0", "1")]),
    "GpusliceRecutStuck": (1, [("gpuslice_cluster_oldest_recut_seconds", "_", "200", "stale")]),
    "GpusliceWebhookCertificateEnds": (10, [('gpuslice_webhook_certificate_end_seconds'
                                             '{instance="c1:8080"}', "9e6", "5e5", "9e6")]),
    "GpusliceWebhookNotBelieved": (5, [('gpuslice_webhook_believed{instance="c1:8080"}',
                                        "1", "0", "1")]),
    "GpusliceHistoryTakesNoSamples": (1, [('gpuslice_history_unsampled_seconds{instance="h1:8080"}',
                                           "15", "400", "15")]),
    "GpuslicePodWaits": (5, [("gpuslice_cluster_longest_wait_seconds", "10", "4000", "10")]),
    "GpusliceFragmented": (30, [
        ('gpuslice_fragmentation_ratio{cluster="c",gpu="0"}', "0.5", "0.5", "0.5"),
        ('gpuslice_cluster_waiting_pods{cluster="c",namespace="a",next="wait"}', "0", "3", "0")]),
    "GpusliceIdleDollars": (360, [(UNUSED % "used", "30", "30", "30"),
                                  (UNUSED % "idle", "5", "40", "5")]),
    "GpuslicePoolClosed": (0, [('gpuslice_slicepool_closed_nodepools{pool="p"}', "0", "1", "0")]),
    "GpusliceNoCapacity": (5, [('gpuslice_slicepool_launches_without_capacity'
                                '{pool="p",instance_type="t"}', "0", "3", "0")]),
    "GpusliceNodeStartsLong": (5, [('gpuslice_slicepool_oldest_start_seconds{pool="p"}',
                                    "100", "1600", "0")]),
}


def values(good, bad, after, minutes):
    def times(value, n):
        return value if value == "stale" else f"{value}x{n}" if value == "_" else \
            f"{value}+0x{n - 1}"
    return f"{times(good, GOOD_M)} {times(bad, minutes)} {times(after, REST_M)}"


def one_test(alert, minutes, series):
    wrong_m = minutes + 20
    count = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})'
    # a minute less than it takes, and a minute more
    looks = [(GOOD_M - 1, 0), (GOOD_M + minutes + 2, 1), (GOOD_M + wrong_m + REST_M - 1, 0)]
    looks += [(GOOD_M + minutes - 1, 0)] if minutes > 1 else []
    return {"name": alert, "interval": "1m",
            "input_series": [{"series": name, "values": values(good, bad, after, wrong_m)}
                             for name, good, bad, after in series],
            "promql_expr_test": [
                {"expr": count, "eval_time": f"{minute}m",
                 "exp_samples": [{"labels": "{}", "value": 1}] if fires else []}
                for minute, fires in sorted(looks)]}


def absent_controller():
    """Nobody scrapes a controller at all."""
    return {"name": "no controller at all", "interval": "1m", "input_series": [],
            "promql_expr_test": [{"expr": 'count(ALERTS{alertname="GpusliceControllerDown",'
                                          'alertstate="firing"})', "eval_time": "20m",
                                  "exp_samples": [{"labels": "{}", "value": 1}]}]}


def write(rules):
    """What `promtool test rules` takes, as text."""
    return json.dumps({"rule_files": [rules], "evaluation_interval": "1m",
                       "tests": [one_test(alert, *what) for alert, what in ALERTS.items()]
                       + [absent_controller()]}, indent=1)
