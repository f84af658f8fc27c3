"""report: the book as a table for people, with ours and theirs side by side."""

OURS, THEIRS = "gpuslice-agent", "nvidia-device-plugin"


def write(about, book, notes, missing):
    print("; ".join(f"{name}: {value}" for name, value in about.items() if name != "peers"))
    print("peers: " + (", ".join(f"{n} {v}" for n, v in about["peers"].items()) or "none"))
    print("\nmedian of the rounds (least to most); the ratio is ours to theirs, round by round\n")
    print("| what | ours | theirs | ratio |\n| --- | --- | --- | --- |")
    for what, row in book.rows.items():
        others = {who: series for who, series in row.items() if who != OURS}
        mine = row[OURS].text() if OURS in row else "not measured"
        if not others:
            print(f"| {what} | {mine} | not measured | |")
        for who, series in others.items():
            ratios = book.ratios(what, OURS, who)
            name = what if who == THEIRS else f"{what}: {who}"
            print(f"| {name} | {mine} | {series.text()} | {ratios.text() if ratios else ''} |")
    print()
    for note in notes:
        print(f"- {note}")
    for name, why in missing.items():
        print(f"- not measured: {name}: {why}")
