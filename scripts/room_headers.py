#!/usr/bin/env python3
"""Makes the include folder of one room: links to the rooms that it may use, and to no other.

usage: room_headers.py SRC_DIR TREE ROOM...
"""
import os
import sys


def main():
    src, tree, rooms = sys.argv[1], sys.argv[2], sys.argv[3:]
    os.makedirs(tree, exist_ok=True)
    for name in os.listdir(tree):
        os.unlink(os.path.join(tree, name))
    for room in rooms:
        os.symlink(os.path.join(src, room), os.path.join(tree, room))


if __name__ == "__main__":
    main()
