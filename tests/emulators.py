"""What runs the programs of other boards, for tests/targets and tests/packages: a
processor with no more than the boards of that kind surely have; aarch64: one that
enforces BTI and PAC."""
import platform

EMULATORS = {
    "x86_64": "qemu-x86_64-static", "i386": "qemu-i386-static",
    "aarch64": "qemu-aarch64-static -cpu max",
    "armv7": "qemu-arm-static -cpu cortex-a7",
    "armv5": "qemu-arm-static -cpu arm946",
    "mips": "qemu-mips-static -cpu 24Kc",
    "mipsel": "qemu-mipsel-static -cpu 24Kc",
    "riscv64": "qemu-riscv64-static",
}
if platform.machine() == "x86_64":
    EMULATORS |= {"x86_64": "", "i386": ""}
