# rules.mk - builds and runs the tests, included by the Makefile; CONTRIBUTING.md
# says what they are. Unit tests run on this machine's own C library, once with
# gcc and once with clang's address and undefined-behaviour sanitizers.

HOSTCC ?= gcc
CLANG ?= clang
HOST_FLAGS := $(WARNINGS) $(JSMN_FLAGS) -D_GNU_SOURCE -isystem $(UNPACKED) \
	-isystem $(BEARSSL_DIR)/inc \
	-I$(O) -Isrc -Itests/unit -MMD -MP
# char is signed on x86 and unsigned on ARM: these builds have the other one.
SAN_FLAGS := -g -O1 -fno-omit-frame-pointer -funsigned-char \
	-fsanitize=address,undefined -fno-sanitize-recover=all

# The fuzzers: SANITIZE=memory is the other choice. fuzz/build.sh sets the rest.
SANITIZE ?= address,undefined
F ?= $(O)/fuzz$(if $(filter memory,$(SANITIZE)),-memory)
FUZZ_CC ?= $(CLANG)
FUZZ_LD ?= $(FUZZ_CC)
FUZZ_FLAGS ?= -g -O1 -fno-omit-frame-pointer -fsanitize=$(SANITIZE) \
	-fno-sanitize-recover=all -fsanitize=fuzzer-no-link
FUZZ_ENGINE ?= -fsanitize=fuzzer

UNIT := $(patsubst tests/unit/test_%.c,%,$(wildcard tests/unit/test_*.c))
FUZZ := $(patsubst fuzz/fuzz_%.c,%,$(wildcard fuzz/fuzz_*.c))
ATTACK_PROGRAMS := $(addprefix $(O)/attack/,flood good)

# $(call objects,FOLDER,WORD,COMPILER AND FLAGS): objects of the sources that
# stand in these folders.
define objects_of
$(1)/%.o: $(4)/%.c $(JSMN_H) $(BEARSSL_DIR)/inc/bearssl.h | $(O)/version.h
	@mkdir -p $$(@D)
	$(SAY) $(2) $$@
	$(Q)$(3) $$(FUZZ_MORE) -c $$< -o $$@

endef
objects = $(foreach from,src tests/unit fuzz tests/differential,$(call \
	objects_of,$(1),$(2),$(3),$(from)))
$(eval $(call objects,$(O)/host,HOST,$(HOSTCC) $(HOST_FLAGS) -g -O1))
$(eval $(call objects,$(O)/san,SAN,$(CLANG) $(HOST_FLAGS) $(SAN_FLAGS)))
$(eval $(call objects,$(F),FUZZ,$(FUZZ_CC) $(HOST_FLAGS) $(FUZZ_FLAGS) \
	-funsigned-char))
# Recovery compares at each 8 bytes of a ring: told of each, the fuzzer is half
# as fast.
$(F)/spool/spool.o: FUZZ_MORE := -fno-sanitize-coverage=trace-cmp
# The part of the world that reads foreign text.
READERS := tls/identity tls/anchors tls/pem
# And what stands between peers and connections.
SLOTS := $(READERS) tls/tls tls/client tls/signatures tls/words tls/transport \
	server/slots server/accept
# What only a pattern names is intermediate; make keeps these.
.PRECIOUS: $(O)/host/%.o $(O)/san/%.o $(F)/%.o

# The fuzzers have BearSSL with the sanitizer but for undefined behaviour, all else
# as it ships.
$(F)/libbearssl.a: $(BEARSSL_DIR)/inc/bearssl.h
	$(SAY) MAKE $@
	+$(Q)$(call bearssl,$(FUZZ_CC),$(FUZZ_FLAGS) -fno-sanitize=undefined)

# $(call programs,FOLDER,OF TESTS,LINKER): the pure rooms of one folder in an
# archive, so that a test is linked only with what it uses; and with them the unit
# tests and the replay of corpora, whose own objects are in the other folder.
define programs_of
$(1)/pure.a: $(patsubst %,$(1)/%.o,$(PURE))
	$(Q)rm -f $$@; ar qcsD $$@ $$^
$(1)/test_%: $(2)/test_%.o $(1)/pure.a $(O)/libbearssl.a
	$(Q)$(3) $$^ -lcmocka -o $$@
$(1)/replay_pem: $(READERS:%=$(2)/%.o)
$(1)/replay_tls: $(SLOTS:%=$(2)/%.o)
$(1)/replay_%: $(2)/fuzz_%.o $(2)/replay.o $(1)/pure.a $(O)/libbearssl.a
	$(Q)$(3) $$(filter %.o,$$^) $$(filter %.a,$$^) -o $$@
endef
programs = $(eval $(call programs_of,$(1),$(2),$(3)))$(patsubst \
	%,$(1)/test_%,$(UNIT)) $(patsubst %,$(1)/replay_%,$(FUZZ))
TEST_PROGRAMS := $(call programs,$(O)/host,$(O)/host,$(HOSTCC)) \
	$(call programs,$(O)/san,$(O)/san,$(CLANG) $(SAN_FLAGS))

$(F)/pure.a: $(patsubst %,$(F)/%.o,$(PURE))
	$(Q)rm -f $@; ar qcsD $@ $^
$(F)/fuzz_pem: $(READERS:%=$(F)/%.o) $(F)/mutate_pem.o
$(F)/fuzz_tls: $(SLOTS:%=$(F)/%.o)
$(F)/fuzz_payload $(F)/fuzz_render $(F)/fuzz_conn: $(F)/mutate_json.o
$(F)/fuzz_%: $(F)/fuzz_%.o $(F)/pure.a $(F)/libbearssl.a
	$(SAY) LINK $@
	$(Q)$(FUZZ_LD) $(FUZZ_FLAGS) $(FUZZ_ENGINE) $(filter %.o,$^) \
		$(F)/pure.a $(F)/libbearssl.a -o $@

$(O)/host/frame: $(O)/host/frame.o $(O)/host/pure.a $(O)/libbearssl.a
	$(Q)$(HOSTCC) $^ -o $@

test-programs: all $(SHARED)/libbearssl.a $(TEST_PROGRAMS) $(SCHEMAS) \
	$(O)/host/frame $(ATTACK_PROGRAMS)

test: bootstrap-test
	$(Q)$(MAKE) -j2 test-programs
	$(Q)O=$(O) $(PYTHON) tests/run $(TESTS)

# The long share of what `make test` compares, with cases of its own.
N ?= 200000
SEED ?= 2
differential: bootstrap-test
	$(Q)$(MAKE) all $(O)/host/frame
	$(Q)O=$(O) $(PYTHON) tests/differential/run --cases $(N) --seed $(SEED)

# $(call keep,FILE,COMMAND): what it says is shown, and kept as tests/FILE if it
# ends well.
keep = $(2) >$(O)/said; code=$$?; cat $(O)/said; test $$code = 0 && mv $(O)/said tests/$(1)

# What kills, system calls that fail and power cuts lose, kept in
# tests/delivery.txt: about two minutes.
delivery: bootstrap-test
	$(Q)$(MAKE) all $(O)/host/test_powercut
	$(Q)export BELLWIRE=$(abspath $(O))/bellwire; $(call keep,delivery.txt,(set -e; \
		echo '# What faults do to alerts that got their 200: make delivery.'; \
		tests/crash; tests/faults; \
		$(O)/host/test_powercut 2>/dev/null | grep 'crash images'))

# make torture SCHEDULES=1000 SEED=7: alerts through all kinds of trouble, each
# accounted for; the counts are kept in tests/torture.txt.
SCHEDULES ?= 1000
torture: bootstrap-test
	$(Q)$(MAKE) all
	$(Q)O=$(O) $(call keep,torture.txt,$(PYTHON) tests/torture --schedules $(SCHEDULES) \
		$(if $(filter command%,$(origin SEED)),--seed $(SEED)))

# make model: the protocol between requests, spool, disk and sinks in a model
# checker, see tests/model; the counts are kept in tests/model/results.txt.
model: bootstrap-model
	$(Q)O=$(O) $(call keep,model/results.txt,tests/model/run)

# make prove FILES="http/body base/text": no input makes these do what C leaves undefined.
prove: bootstrap-prove
	$(Q)O=$(O) tests/proof/run $(FILES)
# The same with a fault in them, which has to be found out.
prove-seeded: bootstrap-prove
	$(Q)O=$(O) tests/proof/seeded

# make fuzz T=60: each target for T seconds; make fuzz-json T=600: one of them;
# SANITIZE=memory: with that one. What is found, and new coverage, goes to
# build/fuzz; corpora are read only.
T ?= 60
fuzz: bootstrap-test
	$(Q)for t in $(FUZZ); do \
		$(MAKE) fuzz-$$t || exit 1; done
fuzz-programs: $(patsubst %,$(F)/fuzz_%,$(FUZZ))
fuzz-%: $(F)/fuzz_%
	$(Q)mkdir -p $(F)/found/$* fuzz/corpus/$*
	cd $(F) && ./fuzz_$* -max_total_time=$(T) -timeout=25 \
		-print_final_stats=1 -max_len=70000 \
		$(if $(wildcard fuzz/$*.dict),-dict=$(CURDIR)/fuzz/$*.dict) \
		found/$* $(CURDIR)/fuzz/corpus/$*

# The floor is built as bellwire is; what reads, loads and attacks as anything else.
BENCH_PROGRAMS := $(addprefix $(O)/bench/,floor load drain receiver)
$(O)/bench/floor: tests/bench/floor.c $(O)/target.ld $(O)/flags
	@mkdir -p $(@D)
	$(SAY) BENCH $@
	$(Q)$(call link,$(TARGET_FLAGS) $(WARNINGS) $(CFLAGS) $<)
$(O)/bench/load $(O)/bench/drain: $(O)/bench/%: tests/bench/%.c
$(ATTACK_PROGRAMS): $(O)/attack/%: tests/attacks/%.c
$(O)/bench/load $(O)/bench/drain $(ATTACK_PROGRAMS): tests/bench/client.h
	@mkdir -p $(@D)
	$(SAY) HOST $@
	$(Q)$(HOSTCC) $(WARNINGS) -D_GNU_SOURCE -O2 $(filter %.c,$^) \
		-Wl,--as-needed -lssl -lcrypto -o $@
$(O)/bench/receiver: tests/bench/receiver.go
	@mkdir -p $(@D)
	$(SAY) BENCH $@
	$(Q)GOCACHE=$(abspath $(O))/bench/go-cache go build -o $@ $<

# make bench takes up to eight minutes, make bench QUICK=1 less than one.
bench: bootstrap-bench
	$(Q)$(MAKE) all $(BENCH_PROGRAMS)
	$(if $(QUICK),,-$(Q)O=$(O) tests/check-linear)
	$(Q)O=$(O) $(PYTHON) tests/bench/run $(if $(QUICK),quick,&& tests/bench/plot)

# What a client that does its worst does to another one, seven minutes; make
# attack ONLY="pipe tls-" for those with such a name.
attack: bootstrap-attack
	$(Q)$(MAKE) all $(ATTACK_PROGRAMS)
	$(Q)O=$(O) $(PYTHON) tests/attack $(if $(ONLY),--only $(ONLY))

# Where a request's cost goes: functions, system calls, the kernel's share.
profile: bootstrap-bench
	$(Q)$(MAKE) all $(BENCH_PROGRAMS)
	$(Q)O=$(O) $(PYTHON) tests/bench/profile

# The unit tests on another machine: the objects that ship, as they were before
# the link that makes one of them, cmocka from its sources. tests/targets runs
# them.
ifdef TARGET
CMOCKA := $(UNPACKED)/cmocka
UNIT_FLAGS = $(TARGET_FLAGS) $(CFLAGS) $(JSMN_FLAGS) -isystem $(UNPACKED) \
	-isystem $(BEARSSL_DIR)/inc -isystem $(CMOCKA)/include -I$(O) -Isrc \
	-D_UINTPTR_T
$(O)/cmocka.o: $(call fetched,cmocka,$(CMOCKA)/src/cmocka.c) | $(MUSL_READY)
	$(SAY) CC $@
	$(Q)$(CC) $(UNIT_FLAGS) -w -DHAVE_SIGNAL_H -DHAVE_STRSIGNAL \
		-DHAVE_INTTYPES_H -c $< -o $@
$(O)/test_%: tests/unit/test_%.c tests/unit/check.h $(O)/cmocka.o $(OBJECTS) \
		$(SHARED)/libbearssl.a $(O)/target.ld
	$(SAY) CC $@
	$(Q)$(call link,-fno-lto $(UNIT_FLAGS) -w $< $(O)/cmocka.o \
		$(patsubst %,$(O)/%.o,$(PURE)) $(SHARED)/libbearssl.a)
# For tests/boards, in the machine.
$(O)/aid: tests/boards/aid.c src/os/rate.h $(O)/target.ld $(LIBGCC) | $(MUSL_READY)
	$(SAY) CC $@
	$(Q)$(call link,-Isrc $(TARGET_FLAGS) $(CFLAGS) $<)
target-programs: all $(patsubst %,$(O)/test_%,$(UNIT))
endif

print-%:
	@echo '$($*)'

# make targets BOARDS="mips armv5"; all of them without.
targets: bootstrap-targets
	$(Q)$(MAKE) all
	$(Q)tests/targets $(BOARDS)

# Real kernels under qemu-system, all of them or one; tests/run has its share.
BOARD_NAMES := $(shell sed -n 's/^    "\([a-z0-9_.-]*\)": .*/\1/p' \
	tests/boards/machines.py)
boards: bootstrap-boards
	$(Q)O=$(O) tests/boards/run
$(BOARD_NAMES:%=board-%): board-%: bootstrap-boards
	$(Q)O=$(O) tests/boards/run $*

# `make run` and `make test` in systems from debootstrap: make fresh
# SUITES="trixie sid", KEEP=1 to look at them afterwards. The schemas, which come
# from elsewhere, are brought along.
fresh: bootstrap-fresh $(SCHEMAS)
	$(Q)O=$(O) tests/fresh $(SUITES)

# What the three users of deploy/users.md see today, written there.
users: bootstrap-test
	$(Q)$(MAKE) all
	$(Q)UPDATE_USERS=1 PYTHONPATH=tests/e2e BELLWIRE=$(abspath $(O))/bellwire O=$(O) \
		$(PYTHON) -B -m pytest -q -p no:cacheprovider tests/e2e/test_users.py

# With each gcc and clang that is installed.
compilers: bootstrap-build $(FETCHED)
	$(Q)O=$(O) tests/compilers

# Older and newer Alertmanagers and Prometheuses in front of bellwire, unpacked to
# O/stack: tests/stack.
stack: bootstrap-test
	$(Q)$(MAKE) all
	$(Q)O=$(O) tests/stack

# How good the tests are: what unit tests and fuzz corpora reach of the pure rooms,
# kept in tests/coverage.txt, and how many planted faults they catch, kept in
# tests/mutate.txt.
COVER_CC ?= clang-19
COVER_LLVM ?= -19
COVER_FLAGS := -g -O1 -fprofile-instr-generate -fcoverage-mapping \
	-fcoverage-mcdc

# Counters are put into the sources of src/ alone.
$(eval $(call objects_of,$(O)/cov,COVER,$(COVER_CC) $(HOST_FLAGS) $(COVER_FLAGS),src))
cover-programs: $(call programs,$(O)/cov,$(O)/host,$(COVER_CC) $(COVER_FLAGS))
coverage: bootstrap-quality
	$(Q)$(MAKE) -j2 cover-programs
	$(Q)LLVM=$(COVER_LLVM) $(PYTHON) tests/coverage $(O)/cov

# So many faults, chosen by a seed, in all files or only in FILE="json body".
FAULTS ?= 200
FAULT_SEED ?= 2
mutate: bootstrap-test
	$(Q)$(MAKE) -j2 test-programs
	$(Q)FAULTS=$(FAULTS) FAULT_SEED=$(FAULT_SEED) PURE='$(PURE)' BUILD=$(O) HOSTCC=$(HOSTCC) \
		CLANG=$(CLANG) SAN_FLAGS='$(SAN_FLAGS)' READERS='$(READERS)' SLOTS='$(SLOTS)' \
		FLAGS='$(filter-out -MMD -MP -W%,$(HOST_FLAGS))' \
		$(PYTHON) tests/mutate $(O)/mutate $(FILE)

.PHONY: attack bench boards $(BOARD_NAMES:%=board-%) compilers cover-programs coverage \
	delivery differential fresh fuzz fuzz-programs model mutate profile prove \
	prove-seeded stack targets target-programs test test-programs torture users

-include $(foreach d,host san cov,$(wildcard $(O)/$(d)/*.d $(O)/$(d)/*/*.d)) \
	$(wildcard $(F)/*.d $(F)/*/*.d)
