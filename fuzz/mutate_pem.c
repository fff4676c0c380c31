/*
 * mutate_pem.c - for inputs of PEM text: takes one object out of its base64,
 * lets libFuzzer change its DER, and puts it back. Every fourth mutation is
 * libFuzzer's own, on the text.
 */
#include "mutate.h"

#include "base/text.h"

#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
			       unsigned seed);

enum { DER = 1 << 14, TEXT = 1 << 17, OBJECTS = 32 };

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
			      "uvwxyz0123456789+/";

static size_t decode(struct span s, uint8_t *der)
{
	uint32_t group = 0;
	size_t n = 0, count = 0;
	for (size_t i = 0; i < s.n && n + 3 < DER; i++) {
		const char *at = s.p[i] ? strchr(letters, s.p[i]) : NULL;
		if (at == NULL)
			continue;
		group = group << 6 | (uint32_t)(at - letters);
		if (++count % 4 == 0) {
			der[n++] = (uint8_t)(group >> 16);
			der[n++] = (uint8_t)(group >> 8);
			der[n++] = (uint8_t)group;
		}
	}
	if (count % 4 == 2)
		der[n++] = (uint8_t)(group >> 4);
	if (count % 4 == 3) {
		der[n++] = (uint8_t)(group >> 10);
		der[n++] = (uint8_t)(group >> 2);
	}
	return n;
}

static void encode(struct buf *out, const uint8_t *der, size_t n)
{
	for (size_t i = 0; i < n; i += 3) {
		uint32_t group = (uint32_t)der[i] << 16;
		group |= i + 1 < n ? (uint32_t)der[i + 1] << 8 : 0;
		group |= i + 2 < n ? der[i + 2] : 0;
		buf_char(out, letters[group >> 18]);
		buf_char(out, letters[group >> 12 & 63]);
		buf_char(out, i + 1 < n ? letters[group >> 6 & 63] : '=');
		buf_char(out, i + 2 < n ? letters[group & 63] : '=');
		if (i % 48 == 45)
			buf_char(out, '\n');
	}
	if (n % 48)
		buf_char(out, '\n');
}

/* What stands between the lines of an object; absent if there is none. */
static struct span pick_object(struct span in, unsigned seed)
{
	struct span found[OBJECTS], line;
	size_t n = 0;
	const char *begin = NULL;
	while (n < OBJECTS && span_split(&in, '\n', &line)) {
		if (span_starts(line, SPAN("-----BEGIN"))) {
			begin = in.p;
		} else if (span_starts(line, SPAN("-----END")) && begin) {
			found[n++] =
			    (struct span){begin, (size_t)(line.p - begin)};
			begin = NULL;
		}
	}
	return n ? found[seed / 4 % n] : SPAN_NONE;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
			       unsigned seed)
{
	static uint8_t der[DER];
	static char bytes[TEXT];
	struct span in = {(const char *)data, size};
	struct span object = size ? pick_object(in, seed) : SPAN_NONE;
	if (object.p == NULL || seed % 4 == 0)
		return LLVMFuzzerMutate(data, size, max);
	size_t n = decode(object, der);
	n = LLVMFuzzerMutate(der, n, DER);
	struct buf out = buf_of(bytes, sizeof bytes);
	const char *end = object.p + object.n;
	buf_put(&out, (struct span){in.p, (size_t)(object.p - in.p)});
	encode(&out, der, n);
	buf_put(&out, (struct span){end, (size_t)(in.p + in.n - end)});
	if (out.cut || out.n > max)
		return LLVMFuzzerMutate(data, size, max);
	memcpy(data, bytes, out.n);
	return out.n;
}
