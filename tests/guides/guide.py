"""A guide of docs/guides: its blocks of commands and files, and how each says that it is checked."""
import os
import re
import typing

HERE, CLUSTER, AWS, YAML = "sh here", "sh cluster", "sh aws", "yaml"
KINDS = (HERE, CLUSTER, AWS, YAML)


class Block(typing.NamedTuple):
    """A fenced block; `line` is that of its fence, counted from 1."""
    guide: str
    line: int
    kind: str
    text: str

    @property
    def where(self):
        """For messages."""
        return f"{self.guide}:{self.line}"


def read(path):
    """The blocks of a guide, in its order."""
    blocks, fence, inside = [], None, []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            start = re.match(r"```(.*)$", line)
            if start and fence is None:
                fence, inside = (number, start.group(1).strip()), []
            elif start:
                blocks.append(Block(os.path.basename(path), fence[0], fence[1], "".join(inside)))
                fence = None
            elif fence is not None:
                inside.append(line)
    if fence is not None:
        raise ValueError(f"{path}:{fence[0]}: a block that does not end")
    return blocks


def guides(source):
    """All guides, by name: their blocks."""
    folder = os.path.join(source, "docs", "guides")
    return {name: read(os.path.join(folder, name))
            for name in sorted(os.listdir(folder)) if name not in ("README.md",)}
