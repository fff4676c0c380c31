"""What stands below a row of tests/coverage.txt or tests/mutate.txt: why it is
missed."""
import os


def reasons(path):
    """{(file, the row without its line's number): lines of the reason}; the same
    row may stand there twice."""
    found, at = {}, None
    if not os.path.exists(path):
        return found
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.startswith("src/"):
                name, _, rest = line.partition(":")
                at = name, rest.partition(" ")[2].strip()
                at = None if at in found else at
            elif line.startswith("\t") and at:
                found.setdefault(at, []).append(line.rstrip())
            elif not line.strip():
                at = None
    return found
