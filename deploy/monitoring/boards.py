#!/usr/bin/env python3
"""Writes Grafana's boards, boards/*.json, from the tables below.

usage: boards.py [FOLDER]        (boards/ beside this file)
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
C = 'cluster=~"$cluster"'
CP = C + ',pool=~"$pool"'
CN = C + ',namespace=~"$namespace"'
NODE = C + ',instance=~"$instance"'

# uid: (title, variables, panels); a panel: (kind, title, unit, width, [(query, legend)], what it is)
BOARDS = {
    "gpuslice-fleet": ("gpuslice / fleet", ("cluster", "pool"), [
        ("stat", "Nodes", "short", 4, [
            (f'sum(gpuslice_cluster_nodes{{{CP},state="ready"}})', "ready")], ""),
        ("stat", "GPUs", "short", 4, [(f"sum(gpuslice_cluster_gpus{{{CP}}})", "GPUs")], ""),
        ("stat", "Slices", "short", 4, [(f"sum(gpuslice_cluster_slices{{{CP}}})", "slices")], ""),
        ("stat", "Slices in use", "percentunit", 4, [
            (f'sum(gpuslice_cluster_slices{{{CP},state=~"held|granted"}})'
             f" / sum(gpuslice_cluster_slices{{{CP}}})", "in use")], ""),
        ("stat", "Sick slices", "short", 4, [
            (f'sum(gpuslice_cluster_slices{{{CP},state="sick"}})', "sick")],
         "An error was reported of them; they are given to no pod."),
        ("stat", "Silent agents", "short", 4, [
            (f"sum(gpuslice_cluster_silent_agents{{{CP}}})", "silent")],
         "Nodes that are ready and whose agent has not written for three minutes."),
        ("timeseries", "Slices by what is with them", "short", 12, [
            (f"sum by (state) (gpuslice_cluster_slices{{{CP}}})", "{{state}}")], ""),
        ("timeseries", "Slices by profile", "short", 12, [
            (f"sum by (profile) (gpuslice_cluster_slices{{{CP}}})", "{{profile}}")], ""),
        ("timeseries", "Memory units", "percentunit", 12, [
            (f"avg by (state) (gpuslice:memory_units:ratio{{{CP}}})", "{{state}}")],
         "idle: in a slice that nobody holds, or could be in one. stranded: no profile fits into "
         "them beside what is held."),
        ("timeseries", "Nodes", "short", 12, [
            (f"sum by (pool, state) (gpuslice_cluster_nodes{{{CP}}})", "{{pool}} {{state}}")], ""),
        ("timeseries", "Re-cuts a minute", "short", 8, [
            (f"60 * sum by (result) (rate(gpuslice_recuts_total{{{C}}}[$__rate_interval]))",
             "{{result}}")], "done, failed, or refused as something was held."),
        ("timeseries", "How long a re-cut takes", "s", 8, [
            (f"histogram_quantile(0.5, sum by (le) (rate(gpuslice_recut_seconds_bucket{{{C}}}"
             "[$__range])))", "half"),
            (f"histogram_quantile(0.95, sum by (le) (rate(gpuslice_recut_seconds_bucket{{{C}}}"
             "[$__range])))", "95 of 100")], "Of those that were done."),
        ("timeseries", "Fragmentation", "percentunit", 8, [
            (f"gpuslice:fragmentation:avg{{{C}}}", "fragmentation")],
         "Share of the compute slices that nobody holds which the largest slice that could be cut "
         "from them cannot use; over GPUs."),
        ("timeseries", "Engines", "percentunit", 12, [
            (f"gpuslice:engine_active:avg{{{C}}}", "{{GPU_I_PROFILE}}")],
         "How much of the time a slice's engines are busy; over slices of a profile."),
        ("timeseries", "Re-cuts under way", "short", 12, [
            (f"sum by (pool) (gpuslice_cluster_recuts_under_way{{{CP}}})", "{{pool}}")], ""),
    ]),
    "gpuslice-waiting": ("gpuslice / waiting", ("cluster", "pool", "namespace"), [
        ("stat", "Pods that wait", "short", 6, [
            (f"sum(gpuslice_cluster_waiting_pods{{{CN}}})", "pods")], ""),
        ("stat", "Held by our gate", "short", 6, [
            (f"max(gpuslice_controller_gated_pods{{{C}}})", "gated")], ""),
        ("stat", "Longest wait", "s", 6, [
            (f"max(gpuslice_cluster_longest_wait_seconds{{{C}}})", "longest")], ""),
        ("stat", "Controllers that decide", "short", 6, [
            (f"sum(gpuslice_controller_leads{{{C}}})", "leads")], "1, or nobody decides."),
        ("timeseries", "Pods that wait, by what comes next", "short", 12, [
            (f"sum by (next) (gpuslice_cluster_waiting_pods{{{CN}}})", "{{next}}")], ""),
        ("timeseries", "Pods that wait, by namespace", "short", 12, [
            (f"sum by (namespace) (gpuslice_cluster_waiting_pods{{{CN}}})", "{{namespace}}")], ""),
        ("timeseries", "Decisions a minute", "short", 12, [
            (f"60 * sum by (what) (rate(gpuslice_controller_decisions_total{{{C}}}"
             "[$__rate_interval]))", "{{what}}")], ""),
        ("timeseries", "Requests a minute, by what they did", "short", 12, [
            (f"60 * sum by (action) (rate(gpuslice_controller_actions_total{{{C}}}"
             "[$__rate_interval]))", "{{action}}")], ""),
        ("timeseries", "Nodes that start", "short", 8, [
            (f"sum by (pool) (gpuslice_slicepool_nodes_starting{{{CP}}})", "{{pool}}")], ""),
        ("timeseries", "The oldest of them", "s", 8, [
            (f"max by (pool) (gpuslice_slicepool_oldest_start_seconds{{{CP}}})", "{{pool}}")], ""),
        ("timeseries", "NodePools: open, and closed after failed starts", "short", 8, [
            (f"sum by (pool) (gpuslice_slicepool_open_nodepools{{{CP}}})", "{{pool}} open"),
            (f"sum by (pool) (gpuslice_slicepool_closed_nodepools{{{CP}}})", "{{pool}} closed")],
         ""),
        ("timeseries", "Admission reviews a minute", "short", 12, [
            (f"60 * sum by (outcome) (rate(gpuslice_webhook_reviews_total{{{C}}}"
             "[$__rate_interval]))", "{{outcome}}")], ""),
        ("timeseries", "Bookings that are not bound", "short", 12, [
            (f"sum by (pool) (gpuslice_cluster_bookings{{{CP}}})", "{{pool}}")], ""),
    ]),
    "gpuslice-money": ("gpuslice / money", ("cluster", "pool", "namespace"), [
        ("stat", "Dollars an hour", "currencyUSD", 6, [
            (f"sum(gpuslice_cluster_usd_per_hour{{{CP}}})", "bill")],
         "Nodes whose price is known, on demand."),
        ("stat", "of them for slices in use", "currencyUSD", 6, [
            (f'sum(gpuslice_cluster_usd_per_hour{{{CP},part="used"}})', "used")], ""),
        ("stat", "for nothing", "currencyUSD", 6, [
            (f'sum(gpuslice_cluster_usd_per_hour{{{CP},part=~"idle|stranded"}})', "unused")],
         "Idle and stranded."),
        ("stat", "Nodes without a price", "short", 6, [
            (f"sum(gpuslice_cluster_nodes_without_price{{{CP}}})", "nodes")],
         "Spot, or of a type or region whose price is not known: in no sum here."),
        ("timeseries", "What the dollars are paid for", "currencyUSD", 12, [
            (f"sum by (part) (gpuslice_cluster_usd_per_hour{{{CP}}})", "{{part}}")], ""),
        ("timeseries", "Dollars an hour by pool", "currencyUSD", 12, [
            (f"sum by (pool) (gpuslice_cluster_usd_per_hour{{{CP}}})", "{{pool}}")], ""),
        ("timeseries", "Unused share", "percentunit", 8, [
            (f"gpuslice:usd_per_hour:unused_ratio{{{C}}}", "unused")], ""),
        ("timeseries", "Slices held, by namespace", "short", 8, [
            (f"sum by (namespace) (gpuslice_cluster_held_slices{{{CN}}})", "{{namespace}}")], ""),
        ("timeseries", "Whole GPUs held, by namespace", "short", 8, [
            (f"sum by (namespace) (gpuslice_cluster_held_gpus{{{CN}}})", "{{namespace}}")], ""),
        ("timeseries", "Failed starts have cost", "currencyUSD", 12, [
            (f"sum by (pool) (gpuslice_slicepool_lost_usd{{{CP}}})", "{{pool}}")], ""),
        ("timeseries", "Limits of SlicePools", "currencyUSD", 12, [
            (f"sum by (pool) (gpuslice_slicepool_limit_usd_per_hour{{{CP}}})", "{{pool}}")],
         "limits.usdPerHour, where there is one."),
    ]),
    "gpuslice-node": ("gpuslice / node", ("cluster", "instance", "namespace"), [
        ("stat", "In trouble", "short", 6, [
            (f"sum(gpuslice_agent_trouble{{{NODE}}})", "parts")],
         "Parts of the agent; /readyz has the reasons."),
        ("stat", "Slices held", "short", 6, [
            (f'sum(gpuslice_slices{{{NODE},state="held"}})', "held")], ""),
        ("stat", "Slices idle", "short", 6, [
            (f'sum(gpuslice_slices{{{NODE},state="idle"}})', "idle")], ""),
        ("stat", "Slices sick", "short", 6, [
            (f'sum(gpuslice_slices{{{NODE},state="sick"}})', "sick")], ""),
        ("timeseries", "Slices", "short", 12, [
            (f"sum by (profile, state) (gpuslice_slices{{{NODE}}})", "{{profile}} {{state}}")], ""),
        ("timeseries", "Parts in trouble", "short", 12, [
            (f"sum by (part) (gpuslice_agent_trouble{{{NODE}}})", "{{part}}")], ""),
        ("timeseries", "Engines by slice", "percentunit", 12, [
            (f"max by (gpu, GPU_I_ID, GPU_I_PROFILE) (DCGM_FI_PROF_GR_ENGINE_ACTIVE{{{NODE}}})",
             "GPU {{gpu}} {{GPU_I_PROFILE}} {{GPU_I_ID}}")], ""),
        ("timeseries", "Memory by pod", "decmbytes", 12, [
            ('sum by (namespace, pod) (DCGM_FI_DEV_FB_USED{' + NODE + ',namespace=~"$namespace",'
             'pod!=""})', "{{namespace}}/{{pod}}")], ""),
        ("timeseries", "Temperature", "celsius", 8, [
            (f"max by (gpu) (DCGM_FI_DEV_GPU_TEMP{{{NODE}}})", "GPU {{gpu}}")], ""),
        ("timeseries", "Power", "watt", 8, [
            (f"max by (gpu) (DCGM_FI_DEV_POWER_USAGE{{{NODE}}})", "GPU {{gpu}}")], ""),
        ("timeseries", "Last XID", "short", 8, [
            (f"max by (gpu) (DCGM_FI_DEV_XID_ERRORS{{{NODE}}})", "GPU {{gpu}}")], ""),
        ("timeseries", "Devices granted a minute", "short", 12, [
            (f"60 * sum by (result) (rate(gpuslice_allocations_total{{{NODE}}}[$__rate_interval]))",
             "{{result}}")], ""),
        ("timeseries", "Fragmentation", "percentunit", 12, [
            (f"gpuslice_fragmentation_ratio{{{NODE}}}", "GPU {{gpu}}")], ""),
    ]),
}

VARIABLES = {
    "cluster": "label_values(gpuslice_controller_info, cluster)",
    "pool": 'label_values(gpuslice_cluster_nodes{cluster=~"$cluster"}, pool)',
    "namespace": 'label_values(gpuslice_cluster_held_slices{cluster=~"$cluster"}, namespace)',
    "instance": 'label_values(gpuslice_agent_info{cluster=~"$cluster"}, instance)',
}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH, HEIGHTS = 24, {"stat": 4, "timeseries": 8}


def variable(name):
    return {"name": name, "type": "query", "datasource": SOURCE, "query": VARIABLES[name],
            "refresh": 2, "sort": 1, "includeAll": True, "allValue": ".*", "multi": True,
            "current": {"text": "All", "value": "$__all"}}


def panels(rows):
    made, x, y, high = [], 0, 0, 0
    for number, (kind, title, unit, width, targets, what) in enumerate(rows, 1):
        if x + width > WIDTH:
            x, y, high = 0, y + high, 0
        made.append({
            "id": number, "type": kind, "title": title, "description": what, "datasource": SOURCE,
            "gridPos": {"h": HEIGHTS[kind], "w": width, "x": x, "y": y},
            "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
            "targets": [{"refId": chr(ord("A") + i), "expr": query, "legendFormat": legend,
                         "datasource": SOURCE} for i, (query, legend) in enumerate(targets)]})
        x, high = x + width, max(high, HEIGHTS[kind])
    return made


def board(uid):
    title, variables, rows = BOARDS[uid]
    return {"uid": uid, "title": title, "tags": ["gpuslice"], "schemaVersion": 39,
            "editable": True, "refresh": "30s", "time": {"from": "now-6h", "to": "now"},
            "links": [{"type": "dashboards", "title": "gpuslice", "tags": ["gpuslice"],
                       "keepTime": True, "includeVars": True}],
            "templating": {"list": [{"name": "datasource", "type": "datasource",
                                     "query": "prometheus"}] + [variable(v) for v in variables]},
            "panels": panels(rows)}


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "boards")
    os.makedirs(folder, exist_ok=True)
    for uid in BOARDS:
        with open(os.path.join(folder, uid + ".json"), "w", encoding="utf-8") as file:
            json.dump(board(uid), file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
