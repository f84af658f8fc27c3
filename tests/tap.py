"""tap: a dozen lines to run the functions of a script as test cases and print TAP."""
import signal
import sys
import traceback


def run(cases):
    """Runs (name, function) pairs; a case fails by raising. Exits 1 when one failed."""
    # as meson ends what takes too long: folders and processes go, as where a case fails
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    print(f"1..{len(cases)}")
    failed = 0
    for number, (name, case) in enumerate(cases, 1):
        try:
            case()
            print(f"ok {number} - {name}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {number} - {name}", flush=True)
            print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()))
    sys.exit(1 if failed else 0)


def cases_of(module, prefix):
    """The functions of a script that are test cases, in the order of the file."""
    found = [(n, f) for n, f in vars(module).items() if n.startswith(prefix) and callable(f)]
    return sorted(found, key=lambda pair: pair[1].__code__.co_firstlineno)
