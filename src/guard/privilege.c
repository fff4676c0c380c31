/* privilege.c - see privilege.h. */
#include "guard/privilege.h"

#include "os/os.h"

#include <errno.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_id(struct span s, uint32_t *id)
{
	uint64_t v;
	/* the largest one means "no change" to the kernel */
	if (!span_u64(s, &v) || v >= UINT32_MAX)
		return false;
	*id = (uint32_t)v;
	return true;
}

/* name:password:uid:gid:..., passwd(5) */
static bool find_line(struct span line, struct span name,
		      struct privilege_ids *out)
{
	struct span field[4];
	for (size_t i = 0; i < 4; i++)
		if (!span_split(&line, ':', &field[i]))
			return false;
	return span_eq(field[0], name) && read_id(field[2], &out->uid) &&
	       read_id(field[3], &out->gid);
}

bool privilege_find(struct span user, struct privilege_ids *out)
{
	char passwd[16384];
	struct span rest = user, uid, line;
	span_split(&rest, ':', &uid);
	if (read_id(uid, &out->uid)) {
		out->gid = out->uid;
		return rest.p == NULL || read_id(rest, &out->gid);
	}
	long n = os_read_file("/etc/passwd", passwd, sizeof passwd);
	if (n < 0)
		return false;
	struct span text = {passwd, (size_t)n};
	while (span_split(&text, '\n', &line))
		if (find_line(line, user, out))
			return true;
	return false;
}

const char *privilege_reach(const char *root, const char *path,
			    const struct privilege_ids *ids, bool write)
{
	char bytes[512];
	struct buf name = buf_of(bytes, sizeof bytes - 1);
	struct stat st;
	if (root)
		buf_str(&name, root);
	if (root && path[0] != '/')
		buf_char(&name, '/');
	buf_str(&name, path);
	bytes[name.n] = '\0';
	if (name.cut || stat(bytes, &st) < 0)
		return "is missing there";
	if (ids == NULL || ids->uid == 0)
		return NULL;
	mode_t all =
	    write ? S_IWUSR | S_IWGRP | S_IWOTH : S_IRUSR | S_IRGRP | S_IROTH;
	mode_t mine = st.st_uid == ids->uid   ? S_IRWXU
		      : st.st_gid == ids->gid ? S_IRWXG
					      : S_IRWXO;
	return (st.st_mode & all & mine) ? NULL
					 : "is not permitted to the user";
}

/* What musl has the calls below do in each thread of the program, which has
 * one: its own way to interrupt the others is not linked then. */
/* NOLINTNEXTLINE: the name is musl's */
void __synccall(void (*in_each)(void *), void *of);

/* NOLINTNEXTLINE */
void __synccall(void (*in_each)(void *), void *of)
{
	in_each(of);
}

int privilege_drop(const char *root, const struct privilege_ids *ids)
{
	if (root && (chroot(root) < 0 || chdir("/") < 0))
		return -errno;
	if (ids == NULL)
		return 0;
	gid_t gid = (gid_t)ids->gid;
	uid_t uid = (uid_t)ids->uid;
	/* groups can only be given up with a right that setuid() takes away;
	 * who never had it has only its own */
	if (geteuid() == 0 && setgroups(1, &gid) < 0)
		return -errno;
	if (setgid(gid) < 0 || setuid(uid) < 0)
		return -errno;
	/* it must not be possible to go back */
	return uid != 0 && setuid(0) == 0 ? -EPERM : 0;
}

void privilege_hide(void)
{
	struct rlimit none = {0, 0};
	prlimit(0, RLIMIT_CORE, &none, NULL);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
