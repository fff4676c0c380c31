/*
 * aid.c - what the busybox of a board cannot do, for scenarios.py:
 *
 *	aid clock SECONDS   sets the clock, beyond 2038 too
 *	aid clock           prints it
 *	aid ubi             attaches MTD 0 as UBI 0; a volume "v" fills it
 *	aid unubi           detaches it
 *	aid rate DEVICE     prints the rate of a serial line
 *	aid seed            gives the kernel random numbers from /seed
 */
#include "os/rate.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The kernel's mtd/ubi-user.h, which comes with a C library's headers for the
 * target, and musl has none. */
struct attach {
	int32_t ubi, mtd, header_offset;
	int16_t spare_per_1024;
	int8_t zero[10];
};

struct __attribute__((packed)) volume {
	int32_t id, alignment;
	int64_t bytes;
	int8_t type;
	uint8_t flags;
	int16_t name_n;
	int8_t zero[4];
	char name[128];
};

enum { DYNAMIC = 3 };
#define ADD_ENTROPY _IOW('R', 3, int32_t[2])
#define ATTACH _IOW('o', 64, struct attach)
#define DETACH _IOW('o', 65, int32_t)
#define MAKE_VOLUME _IOW('o', 0, struct volume)

/* As in os.c: for kernels without times of 32 bits. */
enum { CLOCK_SETTIME64 = SYS_pidfd_send_signal - 424 + 404 };

static int set_clock(int argc, char **argv)
{
	struct timespec t;
	if (argc > 2) {
		t = (struct timespec){.tv_sec = strtoll(argv[2], NULL, 10)};
		const int64_t time[] = {t.tv_sec, 0};
		if (clock_settime(CLOCK_REALTIME, &t) < 0 &&
		    syscall(CLOCK_SETTIME64, CLOCK_REALTIME, time) < 0)
			return 1;
	}
	clock_gettime(CLOCK_REALTIME, &t);
	printf("%lld\n", (long long)t.tv_sec);
	return 0;
}

static long long read_number(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
		return -1;
	close(fd);
	return strtoll(text, NULL, 10);
}

static int ubi(void)
{
	struct attach attach = {0};
	struct volume volume = {
	    .alignment = 1, .type = DYNAMIC, .name_n = 1, .name = "v"};
	int control = open("/dev/ubi_ctrl", O_RDONLY);
	if (control < 0 || ioctl(control, (int)ATTACH, &attach) < 0)
		return 1;
	volume.bytes = read_number("/sys/class/ubi/ubi0/avail_eraseblocks") *
		       read_number("/sys/class/ubi/ubi0/eraseblock_size");
	int device = open("/dev/ubi0", O_RDONLY);
	return device < 0 || ioctl(device, (int)MAKE_VOLUME, &volume) < 0;
}

static int unubi(void)
{
	int32_t number = 0;
	int control = open("/dev/ubi_ctrl", O_RDONLY);
	return control < 0 || ioctl(control, (int)DETACH, &number) < 0;
}

/* random(4) */
static int seed(void)
{
	struct {
		int32_t bits, bytes;
		char byte[32];
	} pool = {.bits = 8 * sizeof pool.byte, .bytes = sizeof pool.byte};
	int file = open("/seed", O_RDONLY);
	int device = open("/dev/urandom", O_WRONLY);
	return file < 0 || device < 0 ||
	       read(file, pool.byte, sizeof pool.byte) !=
		   (ssize_t)sizeof pool.byte ||
	       ioctl(device, (int)ADD_ENTROPY, &pool) < 0;
}

static int rate(const char *device)
{
	struct termios2 t;
	int fd = open(device, O_RDONLY | O_NOCTTY | O_NONBLOCK);
	return fd < 0 || ioctl(fd, (int)RATE_GET, &t) < 0 ||
	       printf("%u\n", t.c_ospeed) < 0;
}

int main(int argc, char **argv)
{
	int code = 2;
	if (argc > 1 && strcmp(argv[1], "clock") == 0)
		code = set_clock(argc, argv);
	if (argc == 2 && strcmp(argv[1], "ubi") == 0)
		code = ubi();
	if (argc == 2 && strcmp(argv[1], "unubi") == 0)
		code = unubi();
	if (argc == 2 && strcmp(argv[1], "seed") == 0)
		code = seed();
	if (argc == 3 && strcmp(argv[1], "rate") == 0)
		code = rate(argv[2]);
	if (code)
		perror("aid");
	return code;
}
