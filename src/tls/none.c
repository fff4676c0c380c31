/* none.c - tls.h where TLS was left out (make TLS=0): nothing can be loaded,
 * so nothing else is ever called. */
#include "tls/tls.h"

const char *tls_version(void)
{
	return NULL;
}

bool tls_load(struct tls_identity *id, const struct tls_files *files,
	      int64_t now_s, struct buf *error, struct tls_warnings *warnings)
{
	(void)files;
	(void)now_s;
	(void)warnings;
	id->on = false;
	buf_str(error, "--tls-cert: this bellwire was built without TLS");
	return false;
}

void tls_open(struct tls_session *t, const struct tls_identity *id,
	      int64_t now_s, void *lent)
{
	(void)lent;
	(void)t;
	(void)id;
	(void)now_s;
}

unsigned tls_wants(const struct tls_session *t)
{
	(void)t;
	return TLS_WANTS_CLOSED;
}

static unsigned char *nothing(struct tls_session *t, size_t *n)
{
	(void)t;
	*n = 0;
	return NULL;
}

unsigned char *tls_record_out(struct tls_session *t, size_t *n)
{
	return nothing(t, n);
}

unsigned char *tls_record_in(struct tls_session *t, size_t *n)
{
	return nothing(t, n);
}

unsigned char *tls_plain_out(struct tls_session *t, size_t *n)
{
	return nothing(t, n);
}

unsigned char *tls_plain_in(struct tls_session *t, size_t *n)
{
	return nothing(t, n);
}

const unsigned char *tls_last_word(struct tls_session *t, size_t *n)
{
	return nothing(t, n);
}

static void used(struct tls_session *t, size_t n)
{
	(void)t;
	(void)n;
}

void tls_record_sent(struct tls_session *t, size_t n)
{
	used(t, n);
}

void tls_record_received(struct tls_session *t, size_t n)
{
	used(t, n);
}

void tls_plain_taken(struct tls_session *t, size_t n)
{
	used(t, n);
}

void tls_plain_put(struct tls_session *t, size_t n)
{
	used(t, n);
}

unsigned tls_work(const struct tls_session *t)
{
	(void)t;
	return 0;
}

void tls_flush(struct tls_session *t)
{
	used(t, 0);
}

void tls_end(struct tls_session *t)
{
	used(t, 0);
}

int tls_error(const struct tls_session *t)
{
	(void)t;
	return 0;
}

const char *tls_error_text(int error)
{
	(void)error;
	return "";
}

struct span tls_client(const struct tls_session *t)
{
	(void)t;
	return SPAN_NONE;
}

void tls_wipe(struct tls_session *t)
{
	used(t, 0);
}
