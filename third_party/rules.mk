# rules.mk - how the foreign code is fetched, checked and built. Included by the
# Makefile; everything unpacked stays out of git.

UNPACKED := third_party/unpacked
JSMN_H := $(UNPACKED)/jsmn.h
BEARSSL_DIR := $(UNPACKED)/bearssl

# $(call fetched,NAME,FILE): an entry of the manifest and a file that it brings.
define fetched_of
$(2): third_party/manifest third_party/fetch $(wildcard third_party/patches/$(1)-*.patch)
	$(Q)third_party/fetch $(1) && touch $$@
endef
fetched = $(eval $(call fetched_of,$(1),$(2)))$(2)
FETCHED := $(call fetched,jsmn,$(JSMN_H)) \
	$(call fetched,bearssl,$(BEARSSL_DIR)/inc/bearssl.h)

JSMN_FLAGS := -DJSMN_STRICT -DJSMN_PARENT_LINKS

# The same flags as last time? Else BearSSL and musl are built again.
PARTS_NOW := $(CC) $(TARGET_FLAGS) $(CFLAGS)
ifneq ($(PARTS_NOW),$(shell cat $(SHARED)/parts.flags 2>/dev/null))
.PHONY: $(SHARED)/parts.flags
endif
$(SHARED)/parts.flags:
	@rm -rf $(SHARED)/bearssl && mkdir -p $(@D) && echo '$(PARTS_NOW)' >$@

# BearSSL from its sources with our flags. Entropy comes from getrandom and is
# handed in: RDRAND alone is not to be trusted, /dev/urandom need not be there.
BEARSSL_FLAGS := -DBR_RDRAND=0 -DBR_USE_URANDOM=0 -DBR_USE_UNIX_TIME=0
bearssl = $(MAKE) -f third_party/bearssl.mk SRC=$(BEARSSL_DIR) OUT=$(@D)/bearssl LIB=$@ \
	CC="$(1)" AR="$(AR)" FLAGS="$(2) -w $(BEARSSL_FLAGS)"
$(SHARED)/libbearssl.a: $(BEARSSL_DIR)/inc/bearssl.h $(SHARED)/parts.flags \
		| $(MUSL_READY)
	$(SAY) MAKE $@
	+$(Q)$(call bearssl,$(CC),$(TARGET_FLAGS) $(CFLAGS) $(GRAPH))

# Schemas, for the tests alone.
SCHEMAS := $(foreach s,kubernetes kubernetes-apimachinery kubernetes-prometheus,\
	$(call fetched,$(s),$(UNPACKED)/$(s)/package.json))

ifdef TARGET
# musl, static only. What runs before the program has relocated itself must call
# nothing by a pointer: no stack protector there, musl sees to that, nor a memset
# that zeroes a variable.
MUSL_SRC := $(UNPACKED)/musl
UNZEROED := $(call tried,-ftrivial-auto-var-init=uninitialized)
$(MUSL)/lib/libc.a: $(call fetched,musl,$(MUSL_SRC)/configure) $(SHARED)/parts.flags | ready
	$(SAY) MUSL $@
	@rm -rf $(MUSL) && mkdir -p $(MUSL)/obj
	$(Q)cd $(MUSL)/obj && $(CURDIR)/$(MUSL_SRC)/configure \
		--disable-shared --prefix=$(CURDIR)/$(MUSL) \
		--target=$(CROSS_COMPILE:-=) CC="$(CC)" \
		CFLAGS="$(MUSL_FLAGS)" >log 2>&1 && \
		$(MAKE) install-headers install-libs CFLAGS_NOSSP="\
		-fno-stack-protector $(UNZEROED)" >>log 2>&1 || \
		{ tail -n 20 log; exit 1; }

# libgcc of mips without its word on floating point, see targets.mk.
$(SHARED)/libgcc.a: | $(MUSL_READY)
	$(Q)$(OBJCOPY) -R .MIPS.abiflags -R .gnu.attributes \
		"$$($(CC) $(ARCH_FLAGS) -print-libgcc-file-name)" $@
endif
