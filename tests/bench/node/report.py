"""report: the book as tables for people: ours and theirs side by side, and how the goals stand."""

OURS, THEIRS, FLOOR, SET = "gpuslice-agent", "nvidia-device-plugin", "does nothing", "all of them"
RESIDENT, DIRTY = "Rss scraped every 15 s, MB", "Private_Dirty scraped every 15 s, MB"
IDLE = "idle CPU, ms in 60 s"
P99 = "Allocate 1000/s, {}: p99_us"
TICK_MS = 10  # what /proc shows CPU time in


def cell(row, who):
    return row[who].text() if who in row else ""


def ratio(book, what, other):
    found = book.ratios(what, OURS, other)
    return found.text() if found and found.values else ""


def write_main(book):
    print("| what | ours | device plugin | ratio | a plugin that does nothing |")
    print("| --- | --- | --- | --- | --- |")
    for what, row in book.rows.items():
        print(f"| {what} | {cell(row, OURS)} | {cell(row, THEIRS)} | {ratio(book, what, THEIRS)} | "
              f"{cell(row, FLOOR)} |")


def write_set(book):
    """The other programs of theirs, and all of theirs together."""
    rows = [(what, who) for what, row in book.rows.items() for who in row
            if who not in (OURS, THEIRS, FLOOR)]
    if not rows:
        return
    print("\n| of NVIDIA's set | | | ratio, ours to it |\n| --- | --- | --- | --- |")
    for what, who in rows:
        print(f"| {who} | {what} | {cell(book.rows[what], who)} | {ratio(book, what, who)} |")


def goals(book):
    """(goal, found or None, whether it is met)"""
    resident, dirty = book.median(RESIDENT, OURS), book.median(DIRTY, OURS)
    idle = book.median(IDLE, OURS)
    yield "12 MB resident at most", resident, resident is not None and resident <= 12
    yield "3 MB private dirty at most", dirty, dirty is not None and dirty <= 3
    waits = book.median(f"{IDLE}, thread monitor", OURS)
    yield f"idle CPU below one tick ({TICK_MS} ms) in 60 s", idle, idle is not None and idle < TICK_MS
    if None not in (idle, waits):
        yield ("the same without the thread that waits in the driver's library", idle - waits,
               idle - waits < TICK_MS)
    for kind in ("lean", "grpc-go"):
        found = book.ratios(P99.format(kind), OURS, THEIRS)
        middle = found.summary()["median"] if found and found.values else None
        yield (f"Allocate p99 at most 1/5 of theirs, {kind}", middle,
               middle is not None and middle <= 0.2)
        above = [book.median(P99.format(kind), who) for who in (OURS, THEIRS, FLOOR)]
        if None not in above and above[1] > above[2]:
            share = (above[0] - above[2]) / (above[1] - above[2])
            yield (f"the same of what is above a plugin that does nothing, {kind}", share,
                   share <= 0.2)


def write(about, book, notes, missing):
    print("; ".join(f"{name}: {value}" for name, value in about.items() if name != "peers"))
    print("peers: " + (", ".join(f"{n} {v}" for n, v in about["peers"].items()) or
                       "peer not given: our side only"))
    print("\nmedian of the rounds (least to most); the ratio is ours to theirs, round by round\n")
    write_main(book)
    write_set(book)
    print()
    for goal, found, met in goals(book):
        if found is not None:
            print(f"- goal: {goal}: {found:.3g}, {'met' if met else 'NOT met'}")
    for note in notes:
        print(f"- {note}")
    for name, why in missing.items():
        print(f"- not measured: {name}: {why}")
