"""The machines: what qemu plays, and which kernel runs on it.

`kernel` and `busybox` are folders that tests/boards/fetch or build makes, `image`
the file in boot/; `target` is what `make TARGET=` calls the program; `sink` the
second UART as the guest calls it; `modules` are loaded before all else."""
from collections import namedtuple

Machine = namedtuple("Machine", "target qemu args kernel image busybox console "
                     "sink modules net dtb", defaults=[
                         (), "virtio-net-pci", None])

VIRTIO = ("virtio_pci", "virtio_net")
DISKS = ("loop", "ext4", "vfat", "nls_cp437", "nls_ascii", "nls_iso8859-1",
         "mtdram", "mtdchar", "ubi", "ubifs", "jffs2", "mtdblock", "overlay",
         "exfat", "ipv6")
# what these ask for by name alone
SOFT = {"ext4": ("crc32c_generic", "crc32c", "libcrc32c"),
        "ubifs": ("lzo", "deflate", "zstd")}
PARAMETERS = {"mtdram": "total_size=16384"}  # KB
PCI_UART = "-device pci-serial,chardev=sink"


def pc(target, qemu, kernel, cpu):
    return Machine(target, qemu,
                   f"-M pc -cpu {cpu} -m 512 -serial chardev:console "
                   "-serial chardev:sink", kernel, "vmlinuz",
                   "busybox-" + {"x86_64": "amd64"}.get(target, target),
                   "ttyS0", "ttyS1", VIRTIO + DISKS)


def virt(target, qemu, cpu, kernel, busybox, modules=VIRTIO + DISKS,
         image="vmlinuz", more=""):
    return Machine(target, qemu,
                   f"-M virt{more} -cpu {cpu} -m 512 -serial chardev:console "
                   f"{PCI_UART}", kernel, image, f"busybox-{busybox}",
                   "ttyAMA0", "ttyS0", modules)


def malta(target, qemu, cpu, kernel, image, modules=()):
    return Machine(target, qemu,
                   f"-M malta -cpu {cpu} -m 256 -serial chardev:console "
                   "-serial chardev:sink", kernel, image, f"busybox-{target}",
                   "ttyS0", "ttyS1", modules, "pcnet")


def versatile(kernel):
    return Machine("armv5", "qemu-system-arm",
                   "-M versatilepb -m 256 -serial chardev:console "
                   "-serial chardev:sink", kernel, "zImage", "busybox-armel",
                   "ttyAMA0", "ttyAMA1", (), "smc91c111", "versatile-pb.dtb")


ARM64, ARM = "qemu-system-aarch64", "qemu-system-arm"
MIPS, MIPSEL = "qemu-system-mips", "qemu-system-mipsel"
PC, PC32 = "qemu-system-x86_64", "qemu-system-i386"

MACHINES = {
    "x86_64": pc("x86_64", PC, "kernel-6.1-amd64", "max"),
    "x86_64-5.10": pc("x86_64", PC, "kernel-5.10-amd64", "max"),
    "x86_64-6.12": pc("x86_64", PC, "kernel-6.12-amd64", "max"),
    "i386": pc("i386", PC32, "kernel-6.1-686", "pentium2"),
    "i386-on-x86_64": pc("i386", PC, "kernel-6.1-amd64", "max"),
    "aarch64": virt("aarch64", ARM64, "cortex-a57", "kernel-6.1-arm64",
                    "arm64"),
    "aarch64-5.10": virt("aarch64", ARM64, "cortex-a57", "kernel-5.10-arm64",
                         "arm64"),
    # a processor that can have pages of that size
    "aarch64-16k": virt("aarch64", ARM64, "max,pauth-impdef=on",
                        "kernel-6.12-arm64-16k", "arm64"),
    "aarch64-64k": virt("aarch64", ARM64, "cortex-a57", "kernel-arm64-64k",
                        "arm64", (), "Image"),
    # BTI and PAC: a processor that has them
    "aarch64-bti": virt("aarch64", ARM64, "max,pauth-impdef=on",
                        "kernel-6.1-arm64", "arm64"),
    "armv7": virt("armv7", ARM, "cortex-a15", "kernel-6.1-armmp", "armhf",
                  more=",highmem=off"),
    "armv7-on-aarch64": virt("armv7", ARM64, "cortex-a57", "kernel-6.1-arm64",
                             "armhf"),
    "armv5": versatile("kernel-armv5"),
    "armv5-bare": versatile("kernel-armv5-bare"),
    "mipsel": malta("mipsel", MIPSEL, "24Kc", "kernel-6.1-4kc", "vmlinuz",
                    ("pcnet32",) + DISKS),
    "mips": malta("mips", MIPS, "24Kc", "kernel-mips", "vmlinux"),
    "mips-16k": malta("mips", MIPS, "24Kc", "kernel-mips-16k", "vmlinux"),
    "mips-bare": malta("mips", MIPS, "24Kc", "kernel-mips-bare", "vmlinux"),
    "riscv64": Machine("riscv64", "qemu-system-riscv64",
                       f"-M virt -m 512 -serial chardev:console {PCI_UART}",
                       "kernel-6.12-riscv64", "vmlinux", "busybox-riscv64",
                       "ttyS0", "ttyS1", VIRTIO + DISKS),
}
