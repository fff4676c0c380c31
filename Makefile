# bellwire - `make`, `make run`, `make test`; see README.md and CONTRIBUTING.md.
#
#	make            build/bellwire and build/bellwire.debug
#	make run        set up what is missing, build, serve on 127.0.0.1:5000
#	make test       set up what is missing, run all checks and tests
#	make fresh      both in Debian 12 and 13 fresh from debootstrap
#	make bench      what a request costs, beside other servers
#	make profile    where that cost goes
#	make attack     what a client that does its worst does to another
#	make coverage, make mutate    how good the tests are
#	make prove      proofs that parsers stay in bounds, see tests/proof
#	make stack      older and newer Prometheus and Alertmanager in front of it
#	make users      what three users see, written to deploy/users.md
#	make demo       Prometheus and Alertmanager in front of bellwire
#	make install    program, manual pages, completion to $(DESTDIR)$(PREFIX)
#	make TARGET=mips   for another board, to build/mips; one of:
#		x86_64 i386 aarch64 armv7 armv5 mips mipsel riscv64
#	make targets    build and test all of them; make dist: files to ship
#	make release    those as packages and one image too, SIGN=KEY; in build/dist;
#		TARGETS="mips armv7" for these alone, as for make dist
#	make release-test     each of these read by other tools, unpacked and run
#	make packages-test    the .deb in a system of its own, from nothing to purge
#	make boards     boot their kernels under qemu-system with bellwire inside,
#	make board-mips one of the machines in tests/boards/machines.py
#	make image      the same as a container image
# Settings: V=1 TLS=0 CC= CFLAGS= CROSS_COMPILE= PREFIX= DESTDIR=

MAKEFLAGS += --no-print-directory
VERSION := 0.2.0
# The release's own date, 2026-11-29: the same for everyone who builds it.
SOURCE_DATE_EPOCH ?= 1795910400
TLS ?= 1
PREFIX ?= /usr/local
include third_party/targets.mk
O ?= build
SHARED ?= $(O)

ifeq ($(origin CC),default)
CC := $(CROSS_COMPILE)gcc
endif
ifeq ($(origin AR),default)
AR := $(CROSS_COMPILE)ar
endif
READELF ?= $(CROSS_COMPILE)readelf
OBJCOPY ?= $(CROSS_COMPILE)objcopy
OBJDUMP ?= $(CROSS_COMPILE)objdump
CFLAGS ?= -Os -g
PYTHON ?= /usr/bin/python3

# Was make given that short option?
flag = $(findstring $(1),$(firstword -$(MAKEFLAGS)))
ifeq ($(V),1)
Q :=
SAY := @:
else
Q := @
SAY := $(if $(call flag,s),@:,@printf '  %-5s %s\n')
endif

# What the compiler says of itself; nothing if there is none, see `ready`.
asked = $(shell $(CC) $(1) 2>/dev/null)
MACHINE := $(call asked,-dumpmachine)

# musl of the target, as Debian's musl-dev lays it out.
MUSL_TRIPLET ?= $(subst -gnu,-musl,$(subst -unknown-,-,$(subst -pc-,-,$(MACHINE))))
MUSL_INC ?= /usr/include/$(MUSL_TRIPLET)
MUSL_LIB ?= /usr/lib/$(MUSL_TRIPLET)

# A warning ends the build with the compilers that tests/compilers has tried, gcc
# and clang alike; a later one may have new ones.
TESTED := 12 13 14 15 16 17 18 19 21 22
WARNINGS := -std=c11 -Wall -Wextra -Wconversion -Wshadow \
	-Wstrict-prototypes -Wmissing-prototypes -Wvla \
	$(if $(filter $(TESTED),$(firstword $(subst ., ,$(call \
	asked,-dumpversion)))),-Werror)
# `-isystem GCC` behind musl's headers: stddef.h and its like come from musl.
TARGET_FLAGS = $(ARCH_FLAGS) -nostdinc -isystem $(MUSL_INC) \
	-isystem $(call asked,-print-file-name=include) \
	-ffunction-sections -fdata-sections -D_GNU_SOURCE $(HARDENING) $(PLAIN)
# What is built in to make bugs harmless; musl gets it too if it is built here.
tried = $(shell $(CC) $(1) -Werror -E -x c /dev/null >/dev/null 2>&1 && \
	echo $(1))
HARDENING = -fPIE -fvisibility=hidden -fno-asynchronous-unwind-tables \
	-ffile-prefix-map=$(CURDIR)=. -fstack-protector-strong \
	$(TRIED) $(HARDEN)
TRIED := $(call tried,-fstack-clash-protection) \
	$(call tried,-ftrivial-auto-var-init=zero)
# gcc sets tables of 32 bytes and more apart by as much on x86.
PLAIN := $(call tried,-malign-data=abi)
# With registers for a whole function, and none saved around calls, alerts take
# 1.4% fewer instructions there, with 1 KB less; elsewhere 1% more.
ifneq ($(filter x86_64-%,$(MACHINE)),)
PLAIN += $(call tried,-fira-region=one) $(call tried,-fno-caller-saves)
endif
# clang does not know the last of three flags for code that is small and fast.
JUMPS := $(call tried,-falign-jumps=1)
# Beside each object, what its functions call and need of the stack: check-size.
GRAPH := $(call tried,-fcallgraph-info=su)
# Our own rooms, but for SELDOM, are optimised as one at the link, where calls go
# from one to the other: 4 to 6 % fewer instructions, 3 to 11 KB less. BearSSL, whose time must
# not depend on secrets, and musl stay as they were compiled. clang knows only
# the first of the flags; its link would need a plugin. LTO= leaves it out. For
# another machine each object is whole as well: its unit tests link some of them.
# Each function is a section of its own, for target.ld.
LTO := $(call tried,-flto=1 -flto-partition=one -ffunction-sections)
# Each function keeps its own -Os or -O2; the second one here is for what MIPS has
# once for all of them, whether short copies are calls of memcpy().
LINK_LTO = $(if $(LTO),$(LTO) $(ARCH_FLAGS) $(CFLAGS) -O2 $(HARDENING) $(PLAIN) \
	$(GRAPH))
# The addresses in the file that depend on where it is loaded, packed: 9 KB less.
# Debian's ld knows how for x86 alone, and musl's start on i386 needs some of
# them before main() can see to them.
ifneq ($(filter x86_64-%,$(MACHINE)),)
PACK := -Wl,-z,pack-relative-relocs
endif
# musl-gcc cannot link a static PIE (wrong start files, or a loader asked for),
# nor can every cross gcc, so ld is told itself: rcrt1.o relocates the program.
# crtbegin.o and its kin are for constructors, of which C has none.
LINK_START = $(MUSL_LIB)/rcrt1.o
LINK_END = -Wl,--start-group $(MUSL_LIB)/libc.a $(LIBGCC) -Wl,--end-group
LIBGCC ?= $(call asked,$(ARCH_FLAGS) -print-libgcc-file-name)
# $(call link,WHAT): what ld has to say, unless it failed, is in $@.log.
link = $(CC) $(LINK_FLAGS) $(LINK_ARCH) $(LDFLAGS) $(LINK_START) $(1) $(LINK_END) \
	-o $@ 2>$@.log || { cat $@.log; exit 1; }
LINK_FLAGS := -nostdlib -static -Wl,-pie,--no-dynamic-linker,-z,text \
	-Wl,--gc-sections -Wl,-z,relro,-z,now,-z,noexecstack \
	-Wl,--build-id=none -Wl,-T,$(O)/target.ld

# The rooms of src/, in the order of an alert's way; src/folders has what each
# may include. TLS is chosen by file, and so is how words are loaded.
WORDS := $(if $(filter riscv% arm%-gnueabi,$(MACHINE)),aligned,words)
PURE := $(addprefix base/,text $(WORDS) bytes time address hash) \
	$(addprefix facts/,status metrics) \
	$(addprefix json/,json unseen strings jsmn) \
	$(addprefix alert/,member alert others read envelope payload match) \
	$(addprefix spool/,spool cursors dropped recover image) \
	$(addprefix render/,pieces render json logfmt template) \
	$(addprefix config/,entries options emit value) \
	$(addprefix http/,head scan target body answer) \
	$(addprefix intake/,leftout receive intake recall firing deadman) \
	$(addprefix conn/,conn answer notification request window auth) \
	tls/der tls/cert tls/names tls/within
WORLD := $(addprefix os/,os net log supervisor probe) \
	$(addprefix guard/,loaded privilege sandbox) \
	$(addprefix tls/,transport $(if $(filter 0,$(TLS)),none,tls client signatures words identity anchors pem)) \
	$(addprefix disk/,store takeover persist) \
	$(addprefix deliver/,sink fifo serial lines held batch room deliver) \
	$(addprefix server/,server slots accept refusals pages secrets) \
	$(addprefix main/,main program start usage offline)
OBJECTS := $(patsubst %,$(O)/%.o,$(PURE) $(WORLD))

# What a program that waits for plain connections has no use for stays out of our
# one object, so that target.ld can put it behind the others, with BearSSL. Linux
# maps 64 KB around each page of a file that is touched: with TLS 128 KB less are
# resident so in a server that waits, and loading keys takes 18 KB less of the stack,
# for 1 KB of the file.
SELDOM := $(addprefix tls/,tls client signatures words identity anchors pem der cert \
	names within) main/usage main/offline os/probe
$(SELDOM:%=$(O)/%.o): LTO :=

all: $(O)/bellwire $(O)/bellwire.debug

# What has to be there before anything is compiled for the target: musl, which
# MUSL_READY is if it is built here, or which comes with the system.
MUSL_READY ?= ready
MISSING = $(if $(MACHINE),$(if $(filter ready,$(MUSL_READY)),$(if $(and \
	$(wildcard $(MUSL_INC)/stdint.h),$(wildcard $(MUSL_LIB)/rcrt1.o)),,musl in \
	$(MUSL_INC) and $(MUSL_LIB))),the compiler $(CC))
ready:
	@:$(if $(call flag,n),,$(if $(MISSING),$(error missing: $(MISSING); on Debian, `third_party/bootstrap \
	$(or $(TARGET:%=target-%),build)` installs it)))

include third_party/rules.mk
include tests/rules.mk

$(O)/version.h: Makefile third_party/manifest $(O)/flags
	$(Q){ printf '#define BELLWIRE_VERSION "%s"\n' '$(VERSION)'; \
	printf '#define BELLWIRE_BUILD_S %s\n' '$(SOURCE_DATE_EPOCH)'; \
	printf '#define BELLWIRE_PARTS "musl, %s"\n' \
		"$$(sed -n 's/^jsmn  *\([^ ]*\) .*/jsmn \1/p' third_party/manifest)"; \
	} >$@

# Of src/guard/calls.def, what the target has; SOME are allowed by argument.
$(O)/guard/calls.h: src/guard/calls.def Makefile $(O)/flags | $(MUSL_READY)
	@mkdir -p $(@D)
	$(Q)echo '#include <sys/syscall.h>' | \
		$(CC) $(TARGET_FLAGS) -E -dM - >$@.has
	$(Q)while read -r name why; do \
		case $$name in ioctl|socketcall) how=SOME;; *) how=CALL;; esac; \
		grep -q "^#define SYS_$$name " $@.has && echo "$$how($$name)"; \
	done <src/guard/calls.def >$@ || test -s $@
$(O)/guard/sandbox.o: $(O)/guard/calls.h

# Where a payload's bytes go, speed counts; everywhere else, size. On x86 -Oz gives
# 2 KB more than -Os, and code that is not put into another order compresses better,
# by 3 KB; on ARM and MIPS either costs more than it saves. And x86 decodes blocks of
# 32 bytes: that fast functions begin with one takes 32 bytes of the file, and saves 2 %
# of the time of a hundred alerts.
ALIGN := 1
ifneq ($(filter x86_64-% i386-% i686-%,$(MACHINE)),)
COLD := $(call tried,-Oz) $(call tried,-fno-schedule-insns2)
ALIGN := 32
endif
HOT := base/text base/$(WORDS) base/hash json/json json/unseen json/strings json/jsmn \
	alert/member alert/alert alert/read spool/spool intake/recall intake/firing \
	intake/intake render/pieces render/render render/logfmt http/scan
$(HOT:%=$(O)/%.o): HOT_FLAGS := -O2 -falign-functions=$(ALIGN) -falign-loops=1 $(JUMPS)
$(HOT:%=$(O)/%.o): COLD :=

$(O)/%.o: src/%.c $(JSMN_H) $(BEARSSL_DIR)/inc/bearssl.h | $(O)/version.h \
		$(MUSL_READY)
	@mkdir -p $(@D)
	$(SAY) CC $@
	$(Q)$(CC) $(TARGET_FLAGS) $(WARNINGS) $(CFLAGS) $(COLD) $(HOT_FLAGS) $(GRAPH) \
		$(if $(LTO),$(LTO) $(if $(TARGET),-ffat-lto-objects)) \
		$(JSMN_FLAGS) \
		-isystem $(UNPACKED) \
		-isystem $(BEARSSL_DIR)/inc -I$(O) -Isrc -MMD -MP -c $< -o $@

# The same flags as last time? Else everything is built again.
FLAGS_NOW := $(CC) $(ARCH_FLAGS) $(CFLAGS) $(HARDENING) $(PLAIN) $(COLD) $(LTO) $(TLS) $(MUSL_LIB) \
	$(VERSION) $(SOURCE_DATE_EPOCH)
ifneq ($(FLAGS_NOW),$(shell cat $(O)/flags 2>/dev/null))
.PHONY: $(O)/flags
endif
$(O)/flags:
	@mkdir -p $(@D)
	@echo '$(FLAGS_NOW)' >$@
$(OBJECTS): $(O)/flags Makefile

$(O)/target.ld: third_party/target.ld $(O)/flags | $(MUSL_READY)
	$(Q)$(CC) $(ARCH_FLAGS) $(HARDENING) '-DSELDOM=*libbearssl.a:* $(SELDOM:%=*%.o)' \
		-E -P -x c $< -o $@

$(O)/bellwire.debug: $(O)/target.ld $(OBJECTS) $(SHARED)/libbearssl.a $(LIBGCC) \
		tests/check-elf | $(MUSL_READY)
	$(SAY) LINK $@
	$(Q)rm -f $@.*.ci
	$(Q)$(call link,$(LINK_LTO) $(PACK) $(OBJECTS) $(SHARED)/libbearssl.a)
	@grep -vF 'turned on by -z force-bti' $@.log >&2 || :
	$(Q)READELF=$(READELF) tests/check-elf $@

$(O)/bellwire: $(O)/bellwire.debug third_party/drop-sections
	$(SAY) STRIP $@
	$(Q)$(OBJCOPY) -S -R .comment $< $@
	$(Q)READELF=$(READELF) third_party/drop-sections $@
	$(Q)READELF=$(READELF) tests/check-elf $@

bootstrap-%:
	@third_party/bootstrap $*

run: bootstrap-build
	$(Q)$(MAKE) all
	$(Q)exec $(O)/bellwire

demo: bootstrap-demo
	$(Q)$(MAKE) all
	$(Q)exec deploy/prometheus/demo/run $(O)/bellwire

# The files of all boards, and what they are made of; as one container image too; as
# packages too: deploy/dist.
dist image release: bootstrap-dist
	$(Q)set -e; for t in $(TARGETS); do third_party/bootstrap target-$$t; done
	$(Q)set -e; for t in $(TARGETS); do $(MAKE) TARGET=$$t all; done
	$(Q)VERSION=$(VERSION) SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) \
		MAINTAINER='$(MAINTAINER)' SIGN='$(SIGN)' deploy/dist $@ \
		$(foreach t,$(TARGETS),$t=linux/$(call platform,$t))

# What other tools say of them; each program out of them serves an alert.
release-test: bootstrap-packages
	$(Q)tests/packages/release build/dist

# Installed, upgraded with a spool in use, removed and purged, in SUITES' systems.
SUITES ?= $(shell . /etc/os-release && echo $$VERSION_CODENAME)
packages-test: bootstrap-packages
	$(Q)$(MAKE) all
	$(Q)O=$(O) VERSION=$(VERSION) SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) \
		tests/packages/run $(SUITES)

MAN = $(DESTDIR)$(PREFIX)/share/man

# tests/size.txt: the row of this build, with TLS and without.
size: all
	$(Q)$(MAKE) TLS=0 O=$(O)/without-tls all
	$(Q)O=$(O) tests/check-size update

install: all
	install -D -m 755 $(O)/bellwire $(DESTDIR)$(PREFIX)/bin/bellwire
	install -D -m 755 deploy/each $(DESTDIR)$(PREFIX)/bin/bellwire-each
	install -D -m 644 deploy/man/bellwire-each.1 $(MAN)/man1/bellwire-each.1
	install -D -m 644 deploy/man/bellwire.8 $(MAN)/man8/bellwire.8
	install -D -m 644 deploy/man/bellwire.conf.5 $(MAN)/man5/bellwire.conf.5
	install -D -m 644 deploy/completion/bellwire.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/bellwire
	install -D -m 644 deploy/completion/_bellwire \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_bellwire

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/bellwire $(DESTDIR)$(PREFIX)/bin/bellwire-each \
		$(MAN)/man1/bellwire-each.1 $(MAN)/man8/bellwire.8 \
		$(MAN)/man5/bellwire.conf.5 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/bellwire \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_bellwire

format:
	clang-format -i src/*/*.[ch] tests/unit/*.[ch] tests/bench/*.c tests/boards/*.c \
		tests/attacks/*.c tests/differential/*.[ch] fuzz/*.[ch] tests/proof/include/*.h

clean:
	rm -rf $(O)

distclean: clean
	rm -rf third_party/unpacked third_party/cache

.PHONY: all ready size run demo test dist image release release-test packages-test
.PHONY: install uninstall format clean distclean
.DELETE_ON_ERROR:

-include $(OBJECTS:.o=.d)
