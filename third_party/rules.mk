# rules.mk - how the foreign code is fetched, checked and built. Included by the
# Makefile; everything unpacked stays out of git.

UNPACKED := third_party/unpacked
JSMN_H := $(UNPACKED)/jsmn.h
BEARSSL_DIR := $(UNPACKED)/bearssl

$(JSMN_H): third_party/manifest third_party/fetch \
		$(wildcard third_party/patches/jsmn-*.patch)
	$(Q)third_party/fetch jsmn && touch $@
$(BEARSSL_DIR)/inc/bearssl.h: third_party/manifest third_party/fetch \
		$(wildcard third_party/patches/bearssl-*.patch)
	$(Q)third_party/fetch bearssl && touch $@

JSMN_FLAGS := -DJSMN_STRICT -DJSMN_PARENT_LINKS

# BearSSL from its sources with our flags. Entropy comes from getrandom and is
# handed in: RDRAND alone is not to be trusted, /dev/urandom need not be there.
BEARSSL_FLAGS := -DBR_RDRAND=0 -DBR_USE_URANDOM=0 -DBR_USE_UNIX_TIME=0
$(O)/libbearssl.a: $(BEARSSL_DIR)/inc/bearssl.h
	$(SAY) MAKE $@
	$(Q)$(MAKE) --no-print-directory -f third_party/bearssl.mk \
		SRC=$(BEARSSL_DIR) OUT=$(O)/bearssl LIB=$@ CC="$(CC)" AR="$(AR)" \
		FLAGS="$(TARGET_FLAGS) $(CFLAGS) -w $(BEARSSL_FLAGS)"

# Schemas, for the tests alone.
SCHEMAS := $(patsubst %,$(UNPACKED)/%/package.json,kubernetes \
	kubernetes-apimachinery kubernetes-prometheus)
$(SCHEMAS): $(UNPACKED)/%/package.json: third_party/manifest third_party/fetch
	$(Q)third_party/fetch $* && touch $@
