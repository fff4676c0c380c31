/* der.c - see der.h. */
#include "tls/der.h"

bool der_head(struct span *s, unsigned *tag, size_t *length)
{
	if (s->n < 2)
		return false;
	*tag = byte_of(s->p[0]);
	*length = byte_of(s->p[1]);
	size_t skip = 2;
	if (*length == 0x81 || *length == 0x82) {
		size_t more = *length - 0x80;
		if (s->n < 2 + more)
			return false;
		*length = 0;
		/*@ loop invariant 0 <= i <= more;
		    loop invariant i == 0 ==> *length == 0;
		    loop invariant i == 1 ==> *length <= 0xff;
		    loop invariant i == 2 ==> *length <= 0xffff;
		    loop assigns i, *length;
		    loop variant more - i; */
		for (size_t i = 0; i < more; i++)
			*length = *length * 256 + byte_of(s->p[2 + i]);
		skip = 2 + more;
	} else if (*length > 0x7f) {
		return false;
	}
	*s = span_skip(*s, skip);
	return true;
}

bool der_take(struct span *s, unsigned *tag, struct span *inside)
{
	size_t length;
	if (!der_head(s, tag, &length) || s->n < length)
		return false;
	*inside = (struct span){s->p, length};
	*s = span_skip(*s, length);
	return true;
}

bool der_take_tag(struct span *s, unsigned wanted, struct span *inside)
{
	unsigned tag;
	return der_take(s, &tag, inside) && tag == wanted;
}

bool der_take_whole(struct span *s, unsigned wanted, struct span *whole)
{
	struct span all = *s, inside;
	if (!der_take_tag(s, wanted, &inside))
		return false;
	*whole = (struct span){all.p, all.n - s->n};
	return true;
}
