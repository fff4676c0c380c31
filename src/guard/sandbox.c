/*
 * sandbox.c - see sandbox.h. landlock(7), seccomp(2), prctl(2). musl has no
 * headers of the kernel's, so what they would name is named here.
 */
#include "guard/sandbox.h"

#include "base/text.h"
#include "facts/limits.h"
#include "os/rate.h"

#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

/* --- Landlock ------------------------------------------------------------ */

enum {
	WRITE_FILE = 1 << 1,
	READ_FILE = 1 << 2,
	READ_DIR = 1 << 3, /* to sync it */
	REMOVE_FILE = 1 << 5,
	MAKE_FILE = 1 << 8,
	MAKE_FIFO = 1 << 10,
	IOCTL_DEV = 1 << 15, /* since ABI 5 */

	ASK_VERSION = 1,
	PATH_BENEATH = 1,
	ABI_KNOWN = 6, /* what follows is of later ones */
	MOST_LINKS = 8,
};

struct ruleset {
	uint64_t files; /* since ABI 1 */
	uint64_t net;   /* since 4: TCP, bind and connect */
	uint64_t scope; /* since 6: abstract Unix sockets, signals */
};

struct path_beneath {
	uint64_t allowed;
	int32_t folder;
} __attribute__((packed));

/* How many rights over files an ABI knows. */
static unsigned rights_of(int abi)
{
	static const unsigned char rights[] = {0, 13, 14, 15, 15, 16, 16};
	return rights[abi > ABI_KNOWN ? ABI_KNOWN : abi];
}

void sandbox_prepare(struct sandbox *s)
{
	long abi =
	    syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, ASK_VERSION);
	*s = (struct sandbox){.ruleset = -1};
	if (abi < 1)
		return;
	s->landlock = (int)abi;
	s->handled = ((uint64_t)1 << rights_of(s->landlock)) - 1;
	struct ruleset r = {.files = s->handled, .net = 3, .scope = 3};
	size_t known = abi < 4   ? offsetof(struct ruleset, net)
		       : abi < 6 ? offsetof(struct ruleset, scope)
				 : sizeof r;
	s->ruleset = (int)syscall(SYS_landlock_create_ruleset, &r, known, 0);
	if (s->ruleset < 0)
		s->landlock = 0;
}

/* Opens the folder that the path stands in, or the nearest one above it that
 * is there. */
static int open_folder_of(struct span path)
{
	char name[LIMIT_SANDBOX_PATH];
	int fd = -1;
	while (fd < 0) {
		struct buf b = buf_of(name, sizeof name - 1);
		while (path.n && path.p[path.n - 1] != '/')
			path.n--;
		buf_put(&b, path.n ? path : SPAN("."));
		name[b.n] = '\0';
		if (!b.cut)
			fd = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (path.n <= 1)
			break;
		path.n--;
	}
	return fd;
}

static void allow_folder_of(const struct sandbox *s, struct span path,
			    uint64_t rights)
{
	struct path_beneath rule = {.allowed = rights & s->handled,
				    .folder = open_folder_of(path)};
	if (rule.folder < 0)
		return;
	syscall(SYS_landlock_add_rule, s->ruleset, PATH_BENEATH, &rule, 0);
	close(rule.folder);
}

/* Where the symbolic link at *path leads, in its place; false if it is none. */
static bool follow(char *path)
{
	char target[LIMIT_SANDBOX_PATH];
	ssize_t n = readlink(path, target, sizeof target);
	if (n <= 0)
		return false;
	char *slash = target[0] == '/' ? NULL : strrchr(path, '/');
	size_t kept = slash ? (size_t)(slash - path) + 1 : 0;
	struct buf b = buf_of(path + kept, LIMIT_SANDBOX_PATH - 1 - kept);
	buf_put(&b, (struct span){target, (size_t)n});
	path[kept + b.n] = '\0';
	return !b.cut;
}

void sandbox_allow(const struct sandbox *s, struct span path,
		   enum sandbox_use use)
{
	static const uint64_t rights[] = {
	    [SANDBOX_READ] = READ_FILE,
	    [SANDBOX_FIFO] = READ_FILE | WRITE_FILE | MAKE_FIFO,
	    [SANDBOX_SERIAL] = READ_FILE | WRITE_FILE | IOCTL_DEV,
	    [SANDBOX_FILE] = READ_FILE | WRITE_FILE | READ_DIR | MAKE_FILE,
	    [SANDBOX_REMOVE] = REMOVE_FILE,
	};
	char name[LIMIT_SANDBOX_PATH];
	struct buf b = buf_of(name, sizeof name - 1);
	if (s->landlock == 0 || path.n == 0)
		return;
	buf_put(&b, path);
	name[b.n] = '\0';
	/* what is plugged in again can be another device */
	if (use == SANDBOX_SERIAL)
		allow_folder_of(s, SPAN("/dev/"), rights[use]);
	for (unsigned links = 0; links < MOST_LINKS; links++) {
		allow_folder_of(s, span_of(name), rights[use]);
		if (!follow(name))
			break;
	}
}

static bool enter_landlock(const struct sandbox *s)
{
	if (s->landlock == 0)
		return false;
	bool failed = syscall(SYS_landlock_restrict_self, s->ruleset, 0) != 0;
	close(s->ruleset);
	return !failed;
}

/* --- seccomp ------------------------------------------------------------- */

/* Classic BPF over struct seccomp_data: the call's number, the architecture,
 * the instruction pointer, six arguments of 64 bits. */
enum {
	BPF_LOAD_WORD = 0x20,
	BPF_JUMP_IF_EQUAL = 0x15,
	BPF_RETURN = 0x06,
	AT_NUMBER = 0,
	AT_ARCHITECTURE = 4,
	AT_ARGUMENTS = 16,
	FILTER_MODE = 2,
};

#define RETURN_KILL 0x80000000U
#define RETURN_ALLOW 0x7fff0000U

struct instruction {
	uint16_t code;
	uint8_t if_equal, if_not; /* instructions to skip */
	uint32_t k;
};

struct program {
	unsigned short n;
	struct instruction *at;
};

static const uint32_t calls[] = {
#define CALL(name) SYS_##name,
#define SOME(name)
#include "guard/calls.h"
#undef CALL
#undef SOME
};

enum {
	CALLS = sizeof calls / sizeof calls[0],
	VALUES = 10,
	INSTRUCTIONS = 4 + 2 * (CALLS + 1) + 2 * (3 + 2 * VALUES) + 1,
};

/* Calls that do many things, and what they may do: argument i is one of these
 * values. */
struct some {
	unsigned i;
	uint32_t value[VALUES];
};

enum { SOME_ioctl, SOME_socketcall };

static const struct some some[] = {
    [SOME_ioctl] = {1,
		    {FIONREAD, TIOCOUTQ, TCGETS, TCSETS, TCFLSH, TIOCGWINSZ,
		     TIOCEXCL, TIOCNXCL, RATE_GET, RATE_SET}},
    /* accept, getsockname, sendto, shutdown, setsockopt, accept4, as
     * <linux/net.h> counts them */
    [SOME_socketcall] = {0, {5, 6, 11, 13, 14, 18}},
};

static void put(struct program *p, unsigned code, unsigned if_not, uint32_t k)
{
	p->at[p->n++] =
	    (struct instruction){(uint16_t)code, 0, (uint8_t)if_not, k};
}

static void allow_if_equal(struct program *p, uint32_t k)
{
	put(p, BPF_JUMP_IF_EQUAL, 1, k);
	put(p, BPF_RETURN, 0, RETURN_ALLOW);
}

/* AUDIT_ARCH_* of the running program, audit.h: the machine of its ELF header,
 * whether it is a 64-bit one, and whether little-endian. */
static uint32_t architecture(void)
{
	/* NOLINTNEXTLINE: the name is the linker's */
	extern const ElfW(Ehdr) __ehdr_start
	    __attribute__((visibility("hidden")));
	const ElfW(Ehdr) *e = &__ehdr_start;
	return e->e_machine |
	       (e->e_ident[EI_CLASS] == ELFCLASS64 ? 0x80000000U : 0) |
	       (e->e_ident[EI_DATA] == ELFDATA2LSB ? 0x40000000U : 0);
}

static uint32_t low_half_of_argument(unsigned i)
{
	const uint16_t one = 1;
	bool big_endian = *(const unsigned char *)&one == 0;
	return AT_ARGUMENTS + 8 * i + (big_endian ? 4 : 0);
}

static void allow_some(struct program *p, uint32_t call, const struct some *s)
{
	put(p, BPF_JUMP_IF_EQUAL, 2 + 2 * VALUES, call);
	put(p, BPF_LOAD_WORD, 0, low_half_of_argument(s->i));
	for (size_t k = 0; k < VALUES; k++)
		allow_if_equal(p, s->value[k]);
	put(p, BPF_RETURN, 0, RETURN_KILL);
}

static bool enter_seccomp(void)
{
	struct instruction code[INSTRUCTIONS];
	struct program p = {.at = code};
	put(&p, BPF_LOAD_WORD, 0, AT_ARCHITECTURE);
	/* another architecture's numbers, and x32's, mean other calls */
	p.at[p.n++] =
	    (struct instruction){BPF_JUMP_IF_EQUAL, 1, 0, architecture()};
	put(&p, BPF_RETURN, 0, RETURN_KILL);
	put(&p, BPF_LOAD_WORD, 0, AT_NUMBER);
	for (size_t i = 0; i < CALLS; i++)
		allow_if_equal(&p, calls[i]);
	/* no call at all: what a tracer makes of one that it lets fail */
	allow_if_equal(&p, UINT32_MAX);
#define CALL(name)
#define SOME(name) allow_some(&p, SYS_##name, &some[SOME_##name]);
#include "guard/calls.h"
#undef CALL
#undef SOME
	put(&p, BPF_RETURN, 0, RETURN_KILL);
	ASSERT(p.n <= INSTRUCTIONS);
	return prctl(PR_SET_SECCOMP, FILTER_MODE, &p, 0, 0) == 0;
}

static void limit_resources(void)
{
	struct rlimit none = {0, 0}, files;
	prlimit(0, RLIMIT_NPROC, &none, NULL);
	if (prlimit(0, RLIMIT_NOFILE, NULL, &files) < 0)
		return;
	files.rlim_max = files.rlim_cur;
	prlimit(0, RLIMIT_NOFILE, &files, NULL);
}

void sandbox_enter(struct sandbox *s)
{
	limit_resources();
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!enter_landlock(s))
		s->landlock = 0;
	s->seccomp = enter_seccomp();
}
