/*
 * mutate.h - mutations that know what they change, for the fuzzer alone: bytes
 * that a general mutator spoils at once (brackets, lengths, base64) stay right,
 * so that what comes after the first check is reached.
 */
#ifndef MUTATE_H
#define MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* Of the target: where in an input the part that is JSON can begin. */
size_t fuzz_json_at(const uint8_t *data, size_t size);

#endif
