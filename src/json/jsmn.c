/*
 * jsmn.c - jsmn's code. Strict, since the rest is not JSON; with parent links,
 * since the search for them is quadratic otherwise.
 */
#include <jsmn.h>
