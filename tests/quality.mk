# quality.mk - how good the tests are; included by tests/rules.mk.
#
#	make coverage   what unit tests and fuzz corpora reach of the pure rooms
#	make mutate     how many planted faults they catch
# The last results are kept in tests/coverage.txt and tests/mutate.txt.

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
		CLANG=$(CLANG) SAN_FLAGS='$(SAN_FLAGS)' \
		FLAGS='$(filter-out -MMD -MP -W%,$(HOST_FLAGS))' \
		$(PYTHON) tests/mutate $(O)/mutate $(FILE)

.PHONY: cover-programs coverage mutate
