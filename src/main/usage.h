/*
 * usage.h - the texts of `bellwire version` and --help. Roof.
 */
#ifndef MAIN_USAGE_H
#define MAIN_USAGE_H

#include "config/config.h"

/* Version, features, parts and all limits. */
void usage_put_version(struct buf *out);
void usage_put_help(struct buf *out);

#endif
