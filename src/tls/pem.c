/*
 * pem.c - see pem.h.
 *
 * BearSSL's PEM decoder takes a carriage return for a part of a name, a file
 * cut within an object for one that is not finished, and needs a newline at the
 * end: so it is fed without the first and with the last, and asked.
 */
#include "tls/pem.h"

#include <bearssl.h>
#include <string.h>

const char pem_encrypted[] = "a key that is encrypted; decrypt it first";

void pem_collect(void *context, const void *p, size_t n)
{
	struct pem_buffer *b = context;
	if (n > b->cap - b->n) {
		b->cut = true;
		return;
	}
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static bool is_blank(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (char_is_visible(s.p[i]))
			return false;
	return true;
}

const char *pem_each_object(struct span text, unsigned char *memory, size_t cap,
			    pem_function *object, void *context)
{
	br_pem_decoder_context pem;
	struct pem_buffer der = {memory, 0, cap, false};
	char name[64] = "";
	bool inside = false;
	const char *wrong = NULL;
	struct span line;
	br_pem_decoder_init(&pem);
	br_pem_decoder_setdest(&pem, pem_collect, &der);
	while (!wrong && span_split(&text, '\n', &line)) {
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		/* the older form of encryption, RFC 1421 4.6.1.1 */
		if (span_starts(line, SPAN("Proc-Type: 4,ENCRYPTED")))
			return pem_encrypted;
		for (size_t i = 0; i <= line.n && !wrong;) {
			/* the line, then its end */
			i += i < line.n ? br_pem_decoder_push(&pem, line.p + i,
							      line.n - i)
					: br_pem_decoder_push(&pem, "\n", 1);
			struct span n;
			switch (br_pem_decoder_event(&pem)) {
			case BR_PEM_BEGIN_OBJ:
				n = span_of(br_pem_decoder_name(&pem));
				if (n.n >= sizeof name)
					return "an object of unknown name";
				memcpy(name, n.p, n.n + 1);
				inside = true;
				der.n = 0;
				break;
			case BR_PEM_END_OBJ:
				inside = false;
				if (der.cut)
					return "an object that is too large";
				object(context, name,
				       (struct span){(char *)der.p, der.n},
				       &wrong);
				break;
			case BR_PEM_ERROR:
				/* the end came within a group of letters */
				if (inside && is_blank(text))
					return "an object that is cut";
				return "text that is not PEM";
			default:
				break;
			}
		}
	}
	return inside ? "an object that is cut" : wrong;
}

bool pem_is_certificate(const char *name)
{
	return span_eq(span_of(name), SPAN("CERTIFICATE")) ||
	       span_eq(span_of(name), SPAN("X509 CERTIFICATE"));
}
