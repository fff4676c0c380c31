# quality.mk - how good the tests are; included by tests/rules.mk.
#
#	make coverage   what unit tests and fuzz corpora reach of the pure rooms
#	make mutate     how many planted faults they catch
# The last results are kept in tests/coverage.txt and tests/mutate.txt.

COVER_CC ?= clang-19
COVER_LLVM ?= -19
COVER_FLAGS := -g -O1 -fprofile-instr-generate -fcoverage-mapping \
	-fcoverage-mcdc
COVER_OBJECTS := $(patsubst %,$(O)/cov/%.o,$(PURE)) \
	$(O)/host/sha256.o
COVER_PROGRAMS := $(patsubst %,$(O)/cov/test_%,$(UNIT)) \
	$(patsubst %,$(O)/cov/replay_%,$(FUZZ))

# Counters are put into the sources of src/ alone.
$(O)/cov/%.o: src/%.c $(JSMN_H) $(BEARSSL_DIR)/inc/bearssl.h | $(O)/version.h
	@mkdir -p $(@D)
	$(SAY) COVER $@
	$(Q)$(COVER_CC) $(HOST_FLAGS) $(COVER_FLAGS) -c $< -o $@
$(O)/cov/pure.a: $(COVER_OBJECTS)
	$(Q)rm -f $@; ar qcsD $@ $^
$(O)/cov/test_%: $(O)/host/test_%.o $(O)/cov/pure.a
	$(Q)$(COVER_CC) $(COVER_FLAGS) $^ -lcmocka -o $@
$(O)/cov/replay_pem: $(O)/host/tls/identity.o
$(O)/cov/replay_%: $(O)/host/fuzz_%.o $(O)/host/replay.o $(O)/cov/pure.a \
		$(O)/libbearssl.a
	$(Q)$(COVER_CC) $(COVER_FLAGS) $(filter %.o,$^) $(@D)/pure.a \
		$(O)/libbearssl.a -o $@

cover-programs: $(COVER_PROGRAMS)
coverage: bootstrap-quality
	$(Q)$(MAKE) --no-print-directory -j2 cover-programs
	$(Q)LLVM=$(COVER_LLVM) $(PYTHON) tests/coverage $(O)/cov

# So many faults, chosen by a seed, in all files or only in FILE="json body".
FAULTS ?= 200
FAULT_SEED ?= 2
mutate: bootstrap-test
	$(Q)$(MAKE) --no-print-directory -j2 test-programs
	$(Q)FAULTS=$(FAULTS) FAULT_SEED=$(FAULT_SEED) PURE='$(PURE)' BUILD=$(O) HOSTCC=$(HOSTCC) \
		CLANG=$(CLANG) SAN_FLAGS='$(SAN_FLAGS)' \
		FLAGS='$(filter-out -MMD -MP -W%,$(HOST_FLAGS))' \
		$(PYTHON) tests/mutate $(O)/mutate $(FILE)

.PHONY: cover-programs coverage mutate

-include $(wildcard $(O)/cov/*/*.d)
