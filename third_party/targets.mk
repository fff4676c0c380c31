# targets.mk - other boards: `make TARGET=NAME`, to build/NAME, with TLS=0 to
# build/NAME/notls. One recipe for all: Debian's cross gcc, and musl built with
# it from the pinned source, since Debian's own musl knows neither riscv64 nor a
# big-endian mips.

TARGETS := x86_64 i386 aarch64 armv7 armv5 mips mipsel riscv64

# The prefix of Debian's compiler, and the platform in container images, where
# they are not called NAME-linux-gnu and NAME.
TRIPLET_i386 := i686-linux-gnu
TRIPLET_armv7 := arm-linux-gnueabihf
TRIPLET_armv5 := arm-linux-gnueabi
triplet = $(or $(TRIPLET_$(1)),$(1)-linux-gnu)
PLATFORM_x86_64 := amd64
PLATFORM_i386 := 386
PLATFORM_aarch64 := arm64
PLATFORM_armv7 := arm/v7
PLATFORM_armv5 := arm/v5
PLATFORM_mipsel := mipsle
platform = $(or $(PLATFORM_$(1)),$(1))

ARCH_armv5 := -march=armv5te -mfloat-abi=soft
# -W: gcc lets .cpload, which begins functions, stand behind one that ends in .set
# nomacro and never returns; as warns of each.
ARCH_mips := -march=24kc -msoft-float -Wa,-W
ARCH_mipsel := $(ARCH_mips)

# Where a jump may land (BTI), and signed return addresses (PAC): the kernel
# turns both on if the processor has them. Four functions of musl are in
# assembly and do not say that they are fit for BTI; they are only called, never
# by a pointer, so ld is told, and its warnings are left out. tests/check-elf looks at all
# that pointers lead to. x86 gets no CET: Linux has no IBT for programs, and a
# shadow stack only if the C library asks, as musl does not: 2 KB for nothing.
HARDEN_aarch64 := -mbranch-protection=standard
LINK_aarch64 := -Wl,-z,force-bti

# Boxes with arm kernels of 32 and 64 KB pages exist; ld knows of arm64's alone.
LINK_armv7 := -Wl,-z,max-page-size=65536
LINK_armv5 := $(LINK_armv7)

ifdef TARGET
ifeq ($(filter $(TARGET),$(TARGETS)),)
$(error TARGET=$(TARGET): expected one of $(TARGETS))
endif

CROSS_COMPILE := $(call triplet,$(TARGET))-
CC := $(CROSS_COMPILE)gcc
AR := $(CROSS_COMPILE)ar
ARCH_FLAGS := $(ARCH_$(TARGET))
HARDEN := $(HARDEN_$(TARGET))
LINK_ARCH := $(LINK_$(TARGET))
SHARED := build/$(TARGET)
O := $(SHARED)$(if $(filter 0,$(TLS)),/notls)
MUSL := $(SHARED)/musl
MUSL_INC := $(MUSL)/include
MUSL_LIB := $(MUSL)/lib
MUSL_READY := $(MUSL_LIB)/libc.a
MUSL_FLAGS = $(ARCH_FLAGS) -Os $(HARDENING)

# mips and mipsel are routers of the 24Kc class, which have no floating-point
# unit, but Debian's libgcc for them is compiled for one. What bellwire needs of
# it, division of 64-bit numbers, is the same for both; so a copy is linked that
# does not say. tests/check-elf looks into the finished file.
ifneq ($(filter mips%,$(TARGET)),)
LIBGCC := $(SHARED)/libgcc.a
endif
endif
