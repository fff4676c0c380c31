/*
 * rate.h - serial rates that termios(3) has no name for, as the kernel takes
 * them: ioctl_tty(2), <asm/termbits.h>, which does not go with <termios.h>.
 */
#ifndef OS_RATE_H
#define OS_RATE_H

#include <sys/ioctl.h>
#include <termios.h>

/* MIPS has more control characters, and numbers of its own for ioctl(2). */
enum { RATE_CC = TCGETS == 0x5401 ? 19 : 23 };

struct termios2 {
	tcflag_t c_iflag, c_oflag, c_cflag, c_lflag;
	cc_t c_line;
	cc_t c_cc[RATE_CC];
	speed_t c_ispeed, c_ospeed; /* bits a second */
};

enum {
	RATE_OTHER = 010000, /* BOTHER, in c_cflag in the place of B0... */
	RATE_MASK = 010017,  /* CBAUD; input has that of output */
	RATE_MASK_INPUT = 002003600000, /* CIBAUD */
};

#define RATE_GET _IOR('T', 0x2a, struct termios2) /* TCGETS2 */
#define RATE_SET _IOW('T', 0x2b, struct termios2) /* TCSETS2 */

#endif
