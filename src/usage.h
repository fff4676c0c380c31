/*
 * usage.h - the texts of `bellwire version` and --help. Roof.
 */
#ifndef USAGE_H
#define USAGE_H

#include "config.h"

/* Version, features, parts and all limits. */
void usage_put_version(struct buf *out);
void usage_put_help(struct buf *out);

#endif
