"""An initramfs (cpio, newc), written without root: files, folders, devices."""
import gzip
import os


class Cpio:
    def __init__(self):
        self.out, self.inode, self.folders = bytearray(), 0, set()

    def entry(self, name, mode, data=b"", device=(0, 0)):
        self.inode += 1
        name = name.strip("/").encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device,
                  len(name), 0)
        for part in (b"070701" + b"".join(b"%08X" % f for f in fields) + name,
                     data):
            self.out += part + b"\0" * (-len(part) % 4)

    def folder(self, name):
        name = name.strip("/")
        if name and name not in self.folders:
            self.folder(os.path.dirname(name))
            self.folders.add(name)
            self.entry(name, 0o040755)

    def file(self, name, data, mode=0o644):
        self.folder(os.path.dirname(name))
        self.entry(name, 0o100000 | mode, data)

    def finish(self):
        self.folder("dev")
        self.entry("dev/console", 0o020600, device=(5, 1))
        self.entry("TRAILER!!!", 0)
        return gzip.compress(bytes(self.out), 1)
