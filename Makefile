# bellwire - `make`, `make run`, `make test`; see README.md.
#
#	make            build/bellwire and build/bellwire.debug
#	make run        set up what is missing, build, serve on 127.0.0.1:5000
#	make test       set up what is missing, run all checks and tests
#	make bench      what a request costs, beside other servers
#	make profile    where that cost goes
#	make demo       Prometheus and Alertmanager in front of bellwire
#	make install    to $(DESTDIR)$(PREFIX)/bin
# Settings: V=1 TLS=0 CC= CFLAGS= CROSS_COMPILE= PREFIX= DESTDIR=

VERSION := 0.1.0
# The build's own date: when its sources were last changed, if git knows.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || \
	stat -c %Y CHANGELOG.md)
TLS ?= 1
PREFIX ?= /usr/local
O ?= build

ifeq ($(origin CC),default)
CC := $(CROSS_COMPILE)gcc
endif
ifeq ($(origin AR),default)
AR := $(CROSS_COMPILE)ar
endif
READELF ?= $(CROSS_COMPILE)readelf
OBJCOPY ?= $(CROSS_COMPILE)objcopy
CFLAGS ?= -Os -g
PYTHON ?= /usr/bin/python3

ifeq ($(V),1)
Q :=
SAY := @:
else
Q := @
SAY := @printf '  %-5s %s\n'
endif

# musl of the target, as Debian's musl-dev lays it out.
MUSL_TRIPLET ?= $(shell $(CC) -dumpmachine | \
	sed 's/-pc-/-/; s/-unknown-/-/; s/-gnu/-musl/')
MUSL_INC ?= /usr/include/$(MUSL_TRIPLET)
MUSL_LIB ?= /usr/lib/$(MUSL_TRIPLET)

WARNINGS := -std=c11 -Wall -Wextra -Wconversion -Wshadow -Werror \
	-Wstrict-prototypes -Wmissing-prototypes -Wvla
# `-isystem GCC` behind musl's headers: stddef.h and its like come from musl.
TARGET_FLAGS = -nostdinc -isystem $(MUSL_INC) \
	-isystem $(shell $(CC) -print-file-name=include) \
	-fPIE -ffunction-sections -fdata-sections -fstack-protector-strong \
	-fno-asynchronous-unwind-tables -D_GNU_SOURCE
# musl-gcc cannot link a static PIE (wrong start files, or a loader asked for),
# so the start files are named here: rcrt1.o relocates the program itself.
LINK_START = $(MUSL_LIB)/rcrt1.o $(MUSL_LIB)/crti.o \
	$(shell $(CC) -print-file-name=crtbeginS.o)
LINK_END = $(MUSL_LIB)/libc.a $(shell $(CC) -print-libgcc-file-name) \
	$(shell $(CC) -print-file-name=crtendS.o) $(MUSL_LIB)/crtn.o
LINK_FLAGS := -nostdlib -static-pie -Wl,--gc-sections -Wl,-z,relro \
	-Wl,-z,now -Wl,-z,noexecstack -Wl,-z,text -Wl,--build-id=none

PURE := text status address cert bytes hash json jsontext jsmn http body alert payload recall spool \
	image render template options emit config auth metrics firing intake receive deadman \
	request window conn
WORLD := os log privilege sandbox probe supervisor $(if $(filter 0,$(TLS)),notls,tls tlswords identity) \
	transport sink fifo serial store
ROOF := persist secrets lines deliver pages slots server main
OBJECTS := $(patsubst %,$(O)/%.o,$(PURE) $(WORLD) $(ROOF))

all: $(O)/bellwire $(O)/bellwire.debug

include third_party/rules.mk
include tests/rules.mk

$(O)/version.h: Makefile third_party/manifest
	@mkdir -p $(@D)
	$(Q){ printf '#define BELLWIRE_VERSION "%s"\n' '$(VERSION)'; \
	printf '#define BELLWIRE_BUILD_S %s\n' '$(SOURCE_DATE_EPOCH)'; \
	printf '#define BELLWIRE_PARTS "musl, %s"\n' \
		"$$(sed -n 's/^jsmn  *\([^ ]*\) .*/jsmn \1/p' third_party/manifest)"; \
	} >$@

# Of src/calls.def, what the target has.
$(O)/calls.h: src/calls.def Makefile $(O)/flags
	$(Q)echo '#include <sys/syscall.h>' | \
		$(CC) $(TARGET_FLAGS) -E -dM - >$@.has
	$(Q)while read -r name why; do \
		grep -q "^#define SYS_$$name " $@.has && echo "CALL($$name)"; \
	done <src/calls.def >$@ || test -s $@
$(O)/sandbox.o: $(O)/calls.h

# Where a payload's bytes go, speed counts; everywhere else, size.
HOT := text hash json jsontext jsmn alert payload
$(HOT:%=$(O)/%.o): HOT_FLAGS := -O2

$(O)/%.o: src/%.c $(JSMN_H) $(BEARSSL_DIR)/inc/bearssl.h | $(O)/version.h
	$(SAY) CC $@
	$(Q)$(CC) $(TARGET_FLAGS) $(WARNINGS) $(CFLAGS) $(HOT_FLAGS) \
		$(JSMN_FLAGS) \
		-isystem $(UNPACKED) \
		-isystem $(BEARSSL_DIR)/inc -I$(O) -Isrc -MMD -MP -c $< -o $@

# The same flags as last time? Else everything is built again.
FLAGS_NOW := $(CC) $(CFLAGS) $(TLS) $(MUSL_LIB) $(VERSION)
ifneq ($(FLAGS_NOW),$(shell cat $(O)/flags 2>/dev/null))
.PHONY: $(O)/flags
endif
$(O)/flags:
	@mkdir -p $(@D)
	@echo '$(FLAGS_NOW)' >$@
$(OBJECTS): $(O)/flags

$(O)/bellwire.debug: $(OBJECTS) $(O)/libbearssl.a tests/check-elf
	$(SAY) LINK $@
	$(Q)$(CC) $(LINK_FLAGS) $(LDFLAGS) $(LINK_START) $(OBJECTS) \
		$(O)/libbearssl.a $(LINK_END) -o $@.new
	$(Q)READELF=$(READELF) tests/check-elf $@.new
	$(Q)mv $@.new $@

$(O)/bellwire: $(O)/bellwire.debug
	$(SAY) STRIP $@
	$(Q)$(OBJCOPY) -S -R .comment $< $@

bootstrap-%:
	@third_party/bootstrap $*

run: bootstrap-build
	$(Q)$(MAKE) --no-print-directory all
	$(Q)exec $(O)/bellwire

demo: bootstrap-demo
	$(Q)$(MAKE) --no-print-directory all
	$(Q)exec deploy/prometheus/demo/run $(O)/bellwire

install: all
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(O)/bellwire $(DESTDIR)$(PREFIX)/bin/bellwire

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/bellwire

format:
	clang-format -i src/*.[ch] tests/unit/*.[ch] tests/bench/*.c \
		tests/differential/*.[ch] fuzz/*.[ch]

clean:
	rm -rf $(O)

distclean: clean
	rm -rf third_party/unpacked third_party/cache

.PHONY: all run demo test install uninstall format clean distclean
.DELETE_ON_ERROR:

-include $(OBJECTS:.o=.d)
