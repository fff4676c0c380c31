/*
 * level.h - how much goes to the log.
 */
#ifndef FACTS_LEVEL_H
#define FACTS_LEVEL_H

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
};

#endif
