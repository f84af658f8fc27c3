/* plans: small plans written by hand from docs/internals/plan-format.md, for the tests of verify.
 */
#pragma once

/* Seven 1g.5gb fit one A100: each compute slice is worth a seventh of a GPU. */
#define PLAN_GPUS                                                                                  \
    "{'format': 'gpuslice-plan/1', 'minimises': 'gpus', 'gpus_used': 1, 'lower_bound': 1,\n"       \
    " 'gap': 0.0, 'proven': true, 'cost_usd_per_hour': null,\n"                                    \
    " 'cost_lower_bound_usd_per_hour': null,\n"                                                    \
    " 'whole_gpu_baseline': {'gpus': 7, 'cost_usd_per_hour': null},\n"                             \
    " 'layouts': [{'model': 'A100-40GB', 'count': 1, 'slices': {'1g.5gb': 7}, 'placements': [\n"   \
    "   {'profile': '1g.5gb', 'start': 0}, {'profile': '1g.5gb', 'start': 1},\n"                   \
    "   {'profile': '1g.5gb', 'start': 2}, {'profile': '1g.5gb', 'start': 3},\n"                   \
    "   {'profile': '1g.5gb', 'start': 4}, {'profile': '1g.5gb', 'start': 5},\n"                   \
    "   {'profile': '1g.5gb', 'start': 6}]}],\n"                                                   \
    " 'instances': [], 'existing': [],\n"                                                          \
    " 'items': [{'item': 0, 'name': 'chat', 'alternative': 0, 'model': 'A100-40GB',\n"             \
    "   'count': 7}],\n"                                                                           \
    " 'unplaceable': [], 'excluded': [], 'ignored': [],\n"                                         \
    " 'certificate': {'kind': 'tree', 'rows': [{'slices': '1g.5gb', 'model': 'A100-40GB'},\n"      \
    "   {'need': 0}], 'scale': 7, 'tree': [{'leaf': [[0, 1], [1, 1]]}]},\n"                        \
    " 'problem': {'goal': 'gpus', 'items': [{'name': 'chat', 'count': 7, 'cpu_milli': 0,\n"        \
    "   'memory_bytes': 0, 'gpu_memory_mib': 0, 'spare': false, 'alternatives':\n"                 \
    "   [[{'slice': '1g.5gb', 'model': null, 'count': 1}]], 'not_on': []}],\n"                     \
    "   'services': [], 'models': ['A100-40GB'], 'offers': [], 'existing': []}}\n"

/* Eight of them need two nodes of one A100 each at a dollar: at 142,857 millionths each they are
 * worth more than one dollar, and no node holds more than seven. */
#define PLAN_NODES_BY(price, worth, bound, search)                                                 \
    "{'format': 'gpuslice-plan/1', 'minimises': 'usd_per_hour', 'gpus_used': 2,\n"                 \
    " 'lower_bound': null, 'gap': 0.0, 'proven': true, 'cost_usd_per_hour': 2.0,\n"                \
    " 'cost_lower_bound_usd_per_hour': 2.0, 'whole_gpu_baseline': null,\n"                         \
    " 'layouts': [{'model': 'A100-40GB', 'count': 2, 'slices': {'1g.5gb': 4}, 'placements': [\n"   \
    "   {'profile': '1g.5gb', 'start': 0}, {'profile': '1g.5gb', 'start': 1},\n"                   \
    "   {'profile': '1g.5gb', 'start': 2}, {'profile': '1g.5gb', 'start': 3}]}],\n"                \
    " 'instances': [{'type': 'box', 'count': 2, 'gpus': 1, 'usd_per_hour': 1.0, 'layouts': [\n"    \
    "   {'model': 'A100-40GB', 'count': 1, 'slices': {'1g.5gb': 4}, 'placements': [\n"             \
    "   {'profile': '1g.5gb', 'start': 0}, {'profile': '1g.5gb', 'start': 1},\n"                   \
    "   {'profile': '1g.5gb', 'start': 2}, {'profile': '1g.5gb', 'start': 3}]}],\n"                \
    "   'items': [{'item': 0, 'name': 'chat', 'alternative': 0, 'model': 'A100-40GB',\n"           \
    "   'count': 4}]}],\n"                                                                         \
    " 'existing': [], 'items': [], 'unplaceable': [], 'excluded': [], 'ignored': [],\n"            \
    " 'certificate': {'kind': 'prices', 'price_scale': 1, 'memory_unit': 1024,\n"                  \
    "   'shapes': [{'offer': 'box', 'existing': [], 'limit': null}],\n"                            \
    "   'tree': [{'leaf': {'prices': [" price "], 'price_bound_uusd': " bound ",\n"                \
    "   'bound_uusd': 2000000, 'proofs': [{'limit_price': 0, 'rows': [{'slices': '1g.5gb'},\n"     \
    "   {'pool': ''}], 'scale': 1, 'tree': [{'leaf': [[0, " price "], [1, " worth "]]}]}],\n"      \
    "   'search': " search "}}]},\n"                                                               \
    " 'problem': {'goal': 'nodes', 'items': [{'name': 'chat', 'count': 8, 'cpu_milli': 1000,\n"    \
    "   'memory_bytes': 1024, 'gpu_memory_mib': 4096, 'spare': false, 'alternatives':\n"           \
    "   [[{'slice': '1g.5gb', 'model': null, 'count': 1}]], 'not_on': []}],\n"                     \
    "   'services': [], 'models': [], 'offers': [{'name': 'box', 'gpu': 'A100-40GB',\n"            \
    "   'model': 'A100-40GB', 'gpus': 1, 'gpu_memory_mib': 40960, 'cpu_milli': 8000,\n"            \
    "   'memory_bytes': 65536, 'pods': 10, 'price_uusd': 1000000, 'max_nodes': null}],\n"          \
    "   'existing': []}}\n"

#define PLAN_NODES PLAN_NODES_BY("142857", "999999", "2000000", "null")

/* The same by a search: at 125,000 each they are worth one dollar, so the prices prove no more. No
 * load is worth its node then; of nodes with seven it takes two. */
#define PLAN_SEARCH                                                                                \
    PLAN_NODES_BY("125000", "875000", "1000000",                                                   \
                  "{'columns': [{'shape': 0, 'items': [[0, 7]]}], 'rows': [{'need': 0}],"          \
                  " 'scale': 7, 'tree': [{'leaf': [[0, 1000000]]}]}")

/* A node that is there takes three slices on beside the 3g that is in use; its second GPU is used
 * whole. */
#define PLAN_EXISTING                                                                               \
    "{'format': 'gpuslice-plan/1', 'minimises': 'gpus', 'gpus_used': 0, 'lower_bound': 0,\n"        \
    " 'gap': 0.0, 'proven': true, 'cost_usd_per_hour': null,\n"                                     \
    " 'cost_lower_bound_usd_per_hour': null, 'whole_gpu_baseline': null, 'layouts': [],\n"          \
    " 'instances': [], 'existing': [{'node': 'n1', 'used': {'slices': {'1g.5gb': 3},\n"             \
    "   'gpus': 1}, 'items': [], 'transitions': [{'gpu': '0', 'steps': [\n"                         \
    "   {'action': 'destroy', 'profile': '2g.10gb', 'start': 0},\n"                                 \
    "   {'action': 'create', 'profile': '1g.5gb', 'start': 0},\n"                                   \
    "   {'action': 'create', 'profile': '1g.5gb', 'start': 1}]}, {'gpu': '1', 'whole': true}]}],\n" \
    " 'items': [{'item': 0, 'name': 'chat', 'alternative': 0, 'model': 'A100-40GB',\n"              \
    "   'count': 3}, {'item': 1, 'name': 'big', 'alternative': 0, 'model': 'A100-40GB',\n"          \
    "   'count': 1}],\n"                                                                            \
    " 'unplaceable': [], 'excluded': [], 'ignored': [], 'certificate': null,\n"                     \
    " 'problem': {'goal': 'gpus', 'items': [{'name': 'chat', 'count': 3, 'cpu_milli': 0,\n"         \
    "   'memory_bytes': 0, 'gpu_memory_mib': 0, 'spare': false, 'alternatives':\n"                  \
    "   [[{'slice': '1g.5gb', 'model': null, 'count': 1}]], 'not_on': []},\n"                       \
    "   {'name': 'big', 'count': 1, 'cpu_milli': 0, 'memory_bytes': 0, 'gpu_memory_mib': 0,\n"      \
    "   'spare': false, 'alternatives': [[{'gpu': 'A100-40GB', 'count': 1}]],\n"                    \
    "   'not_on': []}],\n"                                                                          \
    "   'services': [], 'models': ['A100-40GB'], 'offers': [], 'existing': [{'name': 'n1',\n"       \
    "   'gpu': 'A100-40GB', 'model': 'A100-40GB', 'gpu_memory_mib': 40960, 'cpu_milli': 0,\n"       \
    "   'memory_bytes': 0, 'pods': 10, 'layout_known': true, 'gpus': [{'uuid': '0',\n"              \
    "   'mig': true, 'whole_in_use': false, 'layout': '2g.10gb@0,1g.5gb@2,3g.20gb@4!'},\n"          \
    "   {'uuid': '1', 'mig': false, 'whole_in_use': false, 'layout': ''}],\n"                       \
    "   'free_slices': {}, 'free_gpus': 0}]}}\n"
