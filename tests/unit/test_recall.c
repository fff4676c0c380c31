/* test_recall.c - recall.h, also against a slow and simple model of it. */
#include "check.h"

#include "intake/recall.h"

static struct recall recall;

static void start(void)
{
	memset(&recall, 0, sizeof recall);
}

static void finds_what_was_added(void **state)
{
	(void)state;
	start();
	assert_null(recall_find(&recall, 0, 0));
	assert_null(recall_find(&recall, 7, 63));
	recall_release(&recall, 0, 0, true, 0);
	struct recall_entry *e = recall_add(&recall, 7);
	assert_int_equal(e->key, 7);
	assert_int_equal(e->claims, 0);
	assert_int_equal(e->position, 0);
	e->position = 100;
	/* another key of the same bucket */
	struct recall_entry *f = recall_add(&recall, 7 + RECALL_BUCKETS);
	f->position = 200;
	assert_ptr_equal(recall_find(&recall, 7, 0), e);
	assert_ptr_equal(recall_find(&recall, 7 + RECALL_BUCKETS, 0), f);
	assert_null(recall_find(&recall, 7 + 2 * RECALL_BUCKETS, 0));
	assert_null(recall_find(&recall, 8, 0));
	assert_int_equal(recall_find(&recall, 7, 5)->position, 100);
	/* key 0 is a key like any other */
	e = recall_add(&recall, 0);
	assert_ptr_equal(recall_find(&recall, 0, 1), e);
}

static void tells_equal_keys_apart(void **state)
{
	struct recall_entry *e[LIMIT_EQUAL_ALERTS + 2];
	(void)state;
	start();
	for (unsigned i = 0; i < COUNT(e); i++)
		e[i] = recall_add(&recall, 9);
	/* the newest that is not claimed, one after the other */
	for (unsigned i = 0; i < LIMIT_EQUAL_ALERTS; i++) {
		struct recall_entry *found = recall_find(&recall, 9, 4);
		assert_ptr_equal(found, e[COUNT(e) - 1 - i]);
		found->claims |= (uint64_t)1 << 4;
	}
	assert_null(recall_find(&recall, 9, 4));
	/* another connection has its own claims */
	assert_ptr_equal(recall_find(&recall, 9, 5), e[COUNT(e) - 1]);
	/* claims dropped, entries kept */
	recall_release(&recall, 4, 0, false, 0);
	assert_ptr_equal(recall_find(&recall, 9, 4), e[COUNT(e) - 1]);
}

static void releases_and_forgets(void **state)
{
	(void)state;
	start();
	struct recall_entry *a = recall_add(&recall, 1),
			    *b = recall_add(&recall, 2),
			    *c = recall_add(&recall, 3);
	a->claims = (uint64_t)1 << 0 | (uint64_t)1 << 63;
	b->claims = (uint64_t)1 << 63;
	c->claims = (uint64_t)1 << 1;
	recall_release(&recall, 0, 0, false, 0);
	assert_int_equal(a->claims, (uint64_t)1 << 63);
	recall_release(&recall, 5, 0, true, 0);
	assert_non_null(recall_find(&recall, 1, 0));
	recall_release(&recall, 63, 0, true, 0);
	assert_null(recall_find(&recall, 1, 0));
	assert_null(recall_find(&recall, 2, 0));
	assert_ptr_equal(recall_find(&recall, 3, 0), c);
	/* what was given back is used before what is new */
	uint16_t used = recall.used;
	recall_add(&recall, 4);
	recall_add(&recall, 5);
	assert_int_equal(recall.used, used);
	assert_non_null(recall_find(&recall, 4, 0));
	assert_non_null(recall_find(&recall, 5, 0));
	assert_ptr_equal(recall_find(&recall, 3, 0), c);
	recall_add(&recall, 6);
	assert_int_equal(recall.used, used + 1);
	/* an entry that two claim and one settles is gone for both */
	c->claims |= 1;
	recall_release(&recall, 1, 0, true, 0);
	assert_null(recall_find(&recall, 3, 2));
}

static void forgets_the_oldest_when_full(void **state)
{
	const uint64_t all = LIMIT_UNACKED;
	(void)state;
	start();
	for (uint64_t k = 0; k < all; k++)
		recall_add(&recall, k);
	for (uint64_t k = 0; k < all; k++)
		CHECK(recall_find(&recall, k, 0), "key %u", (unsigned)k);
	/* a claim does not keep it */
	recall_find(&recall, 0, 0)->claims = 1;
	for (uint64_t k = 0; k < 10; k++) {
		struct recall_entry *e = recall_add(&recall, all + k);
		assert_int_equal(e->claims, 0);
		assert_null(recall_find(&recall, k, 9));
		assert_non_null(recall_find(&recall, k + 1, 9));
	}
	recall_release(&recall, 0, 0, true, 0);
	for (uint64_t k = 10; k < all + 10; k++)
		CHECK(recall_find(&recall, k, 0), "key %u", (unsigned)k);
}

/* What is older than all that a connection has claimed is not even looked at,
 * however much of it there is: seen by a claim that it is not told of. */
static void looks_no_further_than_the_first_claim(void **state)
{
	(void)state;
	start();
	for (uint64_t k = 0; k < 4; k++)
		recall_add(&recall, k)->claims = 1;
	recall_release(&recall, 0, recall_find(&recall, 1, 9)->serial, true, 0);
	assert_non_null(recall_find(&recall, 0, 1));
	for (uint64_t k = 1; k < 4; k++)
		assert_null(recall_find(&recall, k, 1));
}

/* The model: a list in order of age. */
struct fact {
	uint64_t key, claims, position;
	uint32_t serial;
};
static struct fact fact[LIMIT_UNACKED];
static size_t facts;

static struct fact *model_find(uint64_t key, unsigned slot)
{
	int equal = 0;
	for (size_t i = facts; i-- > 0;) {
		if (fact[i].key != key)
			continue;
		if (!(fact[i].claims >> slot & 1))
			return &fact[i];
		if (++equal == LIMIT_EQUAL_ALERTS)
			return NULL;
	}
	return NULL;
}

static struct fact *model_add(uint64_t key)
{
	if (facts == LIMIT_UNACKED)
		memmove(fact, fact + 1, --facts * sizeof *fact);
	fact[facts] = (struct fact){.key = key};
	return &fact[facts++];
}

/* Just behind the newest if there is none. */
static uint32_t first_claim(unsigned slot)
{
	for (size_t i = 0; i < facts; i++)
		if (fact[i].claims >> slot & 1)
			return fact[i].serial;
	return recall.serial;
}

static void model_release(unsigned slot, bool forget)
{
	size_t n = 0;
	for (size_t i = 0; i < facts; i++) {
		bool claimed = fact[i].claims >> slot & 1;
		fact[i].claims &= ~((uint64_t)1 << slot);
		if (!(claimed && forget))
			fact[n++] = fact[i];
	}
	facts = n;
}

/* Every chain holds what it should, and no more. */
static void check_chains(void)
{
	size_t by_age = 0, by_bucket = 0;
	uint16_t older = 0;
	for (uint16_t i = recall.oldest; i; i = recall.entry[i - 1].newer) {
		CHECK(recall.entry[i - 1].older == older, "order of age");
		CHECK(recall.entry[i - 1].key == fact[by_age].key &&
			  recall.entry[i - 1].claims == fact[by_age].claims,
		      "entry %zu", by_age);
		older = i;
		CHECK(++by_age <= facts, "too many");
	}
	CHECK(recall.newest == older && by_age == facts, "the newest");
	for (size_t b = 0; b < RECALL_BUCKETS; b++)
		for (uint16_t i = recall.bucket[b]; i;
		     i = recall.entry[i - 1].next)
			CHECK(++by_bucket <= facts, "a bucket");
	CHECK(by_bucket == facts, "buckets");
}

static void does_as_the_model(void **state)
{
	uint64_t seed = 5;
	(void)state;
	start();
	facts = 0;
	recall.serial = UINT32_MAX - 20000; /* wraps on the way */
	for (int round = 0; round < 40000; round++) {
		uint64_t what = next_number(&seed) % 16,
			 key = next_number(&seed) % 3000 *
			       (next_number(&seed) % 4 ? 1 : RECALL_BUCKETS);
		unsigned slot = (unsigned)(next_number(&seed) % 64);
		struct recall_entry *e;
		struct fact *f;
		if (what == 0 && next_number(&seed) % 64 == 0) {
			bool forget = next_number(&seed) & 1;
			recall_release(&recall, slot, first_claim(slot), forget,
				       0);
			model_release(slot, forget);
			check_chains();
			continue;
		}
		if (what < 8) {
			e = recall_find(&recall, key, slot);
			f = model_find(key, slot);
			CHECK((e == NULL) == (f == NULL), "round %d", round);
			if (e == NULL)
				continue;
			CHECK(e->position == f->position, "round %d", round);
		} else {
			e = recall_add(&recall, key);
			f = model_add(key);
			e->position = f->position = (uint64_t)round;
			f->serial = e->serial;
		}
		e->claims |= (uint64_t)1 << slot;
		f->claims |= (uint64_t)1 << slot;
	}
	check_chains();
	assert_true(facts > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_what_was_added),
	    cmocka_unit_test(tells_equal_keys_apart),
	    cmocka_unit_test(releases_and_forgets),
	    cmocka_unit_test(forgets_the_oldest_when_full),
	    cmocka_unit_test(looks_no_further_than_the_first_claim),
	    cmocka_unit_test(does_as_the_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
