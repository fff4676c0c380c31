# bearssl.mk - builds $(LIB) from the sources in $(SRC); called by rules.mk once
# they are there, since only then make can list them.
SOURCES := $(wildcard $(SRC)/src/*.c $(SRC)/src/*/*.c)
OBJECTS := $(SOURCES:$(SRC)/src/%.c=$(OUT)/%.o)

$(LIB): $(OBJECTS)
	@rm -f $@
	@$(AR) rcsD $@ $^

# a header of it is as new as what was unpacked: with another patch all is built anew
$(OUT)/%.o: $(SRC)/src/%.c $(SRC)/inc/bearssl.h
	@mkdir -p $(@D)
	@$(CC) $(FLAGS) -I$(SRC)/inc -I$(SRC)/src -c $< -o $@
