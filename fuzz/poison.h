/*
 * poison.h - memory of the targets that counts as not written yet, for the
 * memory sanitizer: static memory never does by itself, and what an earlier
 * input has left there would hide that it is read.
 */
#ifndef POISON_H
#define POISON_H

#include <stddef.h>

#ifdef __has_feature
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define POISON(p, n) __msan_poison(p, n)
#endif
#endif
#ifndef POISON
#define POISON(p, n) ((void)(p), (void)(n))
#endif

#endif
