#include "boot/report.h"

#include "base/log.h"

enum { TEXT_MAX = 2048 };

const char *gs_boot_state_name(enum gs_boot_state state)
{
    switch (state) {
    case GS_BOOT_WAITING:
        return "waiting";
    case GS_BOOT_CUTTING:
        return "cutting";
    case GS_BOOT_REBOOTING:
        return "rebooting";
    case GS_BOOT_CUT:
        return "cut";
    case GS_BOOT_NOTHING:
        return "nothing";
    case GS_BOOT_FAILED:
        return "failed";
    }
    return "";
}

static void put_text(struct gs_buf *out, const char *before, const char *text)
{
    char quoted[TEXT_MAX];
    gs_buf_puts(out, before);
    if (text == NULL || text[0] == '\0') {
        gs_buf_puts(out, "null");
        return;
    }
    gs_log_format_quoted(text, quoted, sizeof(quoted));
    gs_buf_puts(out, quoted);
}

static void put_time(struct gs_buf *out, const char *before, uint64_t at_ms)
{
    char when[GS_LOG_TIME_MAX] = "";
    if (at_ms > 0) {
        gs_log_format_time(at_ms, when);
    }
    put_text(out, before, when);
}

static void put_took(struct gs_buf *out, const char *before, uint64_t took_ms)
{
    if (took_ms == GS_BOOT_NO_TIME) {
        gs_buf_printf(out, "%snull", before);
    } else {
        gs_buf_printf(out, "%s%llu", before, (unsigned long long)took_ms);
    }
}

static void put_gpu(struct gs_buf *out, unsigned k, const struct gs_boot_report_gpu *gpu)
{
    gs_buf_printf(out, "%s\n    {\"index\": %u", k == 0 ? "" : ",", k);
    put_text(out, ", \"uuid\": ", gpu->uuid);
    put_text(out, ", \"name\": ", gpu->name);
    put_text(out, ", \"wanted\": ", gpu->wanted);
    put_text(out, ", \"condition\": ", gs_apply_condition_name(gpu->condition));
    gs_buf_puts(out, "}");
}

void gs_boot_report_format(const struct gs_boot_report *report, struct gs_buf *out)
{
    put_text(out, "{\n  \"version\": 1,\n  \"program\": ", GS_VERSION);
    put_text(out, ",\n  \"state\": ", gs_boot_state_name(report->state));
    put_text(out, ",\n  \"layout\": ", report->layout);
    put_text(out, ",\n  \"from\": ", report->from);
    put_text(out, ",\n  \"layout_file\": ", report->file);
    put_text(out, ",\n  \"error\": ", report->error.code == GS_OK ? NULL : report->error.msg);
    put_text(out, ",\n  \"driver\": ", report->driver_version);
    put_text(out, ",\n  \"boot_id\": ", report->boot_id);
    gs_buf_printf(out, ",\n  \"rebooted\": %s", report->rebooted ? "true" : "false");
    put_time(out, ",\n  \"started\": ", report->started_ms);
    put_time(out, ",\n  \"ended\": ", report->ended_ms);
    put_took(out, ",\n  \"waited_for_driver_ms\": ", report->driver_took_ms);
    put_took(out, ",\n  \"cutting_ms\": ", report->cut_took_ms);
    gs_buf_puts(out, ",\n  \"gpus\": [");
    for (unsigned k = 0; k < report->n; k++) {
        put_gpu(out, k, &report->gpus[k]);
    }
    gs_buf_printf(out, "%s]\n}\n", report->n > 0 ? "\n  " : "");
}
