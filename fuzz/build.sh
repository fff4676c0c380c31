#!/bin/sh
# build.sh - builds all fuzz targets as OSS-Fuzz and ClusterFuzzLite want them:
# with $CC, $CXX, $CFLAGS and $LIB_FUZZING_ENGINE, into $OUT, each with its seeds
# as a zip and its dictionary. To try it by hand:
#
#	CC=clang CXX=clang++ LIB_FUZZING_ENGINE=-fsanitize=fuzzer OUT=/tmp/out \
#	CFLAGS='-g -O1 -fsanitize=address,fuzzer-no-link' fuzz/build.sh
set -eu
# there they run a copy of this, in the folder of the sources
[ -e fuzz/replay.c ] || cd "$(dirname "$0")/.."
: "${CC:?}" "${CFLAGS:?}" "${LIB_FUZZING_ENGINE:?}" "${OUT:?}"
mkdir -p "$OUT"
objects=${WORK:-build}/fuzz-out
rm -rf "$objects"

# The engine may be a C++ library; the flags of its users are not for -Werror.
make -j"$(nproc)" F="$objects" FUZZ_CC="$CC" FUZZ_LD="${CXX:-$CC}" \
	FUZZ_FLAGS="$CFLAGS -Wno-error" FUZZ_ENGINE="$LIB_FUZZING_ENGINE" \
	fuzz-programs
for source in fuzz/fuzz_*.c; do
	target=$(basename "$source" .c)
	name=${target#fuzz_}
	cp "$objects/$target" "$OUT/"
	[ ! -e "fuzz/$name.dict" ] || cp "fuzz/$name.dict" "$OUT/$target.dict"
	printf '[libfuzzer]\nmax_len = 70000\n' >"$OUT/$target.options"
	python3 -m zipfile -c "$OUT/${target}_seed_corpus.zip" \
		fuzz/corpus/"$name"/*
done
